import { MIB } from './sizes.ts';

/** The command line. */
export const cliLimits = {
  /** A line of input; a longer one is no record that any topic takes, and is not kept in memory. */
  cliLineBytesMax: 4 * MIB,
  /** Input that was read and is not yet written: reading waits beyond it. */
  cliUnwrittenBytesMax: 8 * MIB,
  /** How often long work says how far it is. */
  cliProgressMs: 5_000,
  /** Lines that are refused by number before the rest is only counted. */
  cliRefusalsShown: 20,
  /** How long records under way have to settle after a failure of others. */
  cliCloseMsMax: 5_000,
  /** Polls at a time; of more partitions each waits its turn … */
  cliPollsMax: 64,
  /** … and polls wait no longer than this then. */
  cliSharedPollMs: 1_000,
  /** What they may bring at once, all together. */
  cliFetchedBytesMax: 16 * MIB,
  /** Requests at a time about the partitions of a topic. */
  cliRequestsInFlightMax: 16,
  /** How often a reader that follows all partitions looks for new ones, … */
  cliTopicRefreshMs: 60_000,
  /** … and how long it waits before it asks again a server that is gone. */
  cliRetryPauseMs: 2_000,
} as const;
