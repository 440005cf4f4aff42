import { MIB } from './sizes.ts';

/** The local server, and its health. */
export const serverLimits = {
  /** How long storage may take to answer a health check. */
  healthMsMax: 2_000,

  /** Connections at a time; Node closes those beyond. */
  connectionsMax: 5_000,
  /** How long requests under way may take to end after SIGTERM; a long poll is answered at once. */
  drainMsMax: 25_000,
  /** How often files of certificates are looked at for new ones. */
  certificateCheckMs: 10_000,
  /** What a timer of Node can wait for, of what the gateway's log says from time to time. */
  reportMsMax: 2 ** 31 - 1,
  /** Threads of one trigger's handler. */
  handlerThreadsMax: 16,
  /**
   * How long a handler's module may take to load, or an invocation wait for a thread: Lambda's time for initialization.
   */
  handlerLoadMsMax: 10_000,
  /** Directories that are watched for changes of one handler's sources, … */
  handlerDirectoriesMax: 100,
  /** … and how long further changes are waited for before it is loaded anew. */
  handlerChangeMs: 100,
  /**
   * How often a local server looks for what its triggers were not told of: records that another process has written.
   */
  localSweepMs: 2_000,
  /** What the file of a local server's triggers may have. */
  localTriggerFileBytesMax: MIB,
  /** How long handlers that run may take to end after SIGTERM. */
  handlerGraceMsMax: 20_000,
} as const;
