/** What the process of a dispatcher (trigger-dispatcher.ts) is asked for and answers, as JSON. */

export const TOPIC = 'delivered';

export interface DrainJob {
  work: 'drain';
  partitions: number;
  recordsPerPartition: number;
  rounds: number;
  /** The records are there. */
  isFilled: boolean;
}

export interface WakeJob {
  work: 'wake';
  /** Records one by one, with a gap before each. */
  series: readonly { gapMs: number; records: number }[];
}

export type DispatcherJob = { directory: string } & (DrainJob | WakeJob);

export interface DrainResult {
  rounds: { dispatchedPerSecond: number; fetchedPerSecond: number; invocations: number }[];
  /** Invocations at once of a function that takes a moment. */
  concurrency: number;
  peakBytes: number;
}

/** From produce to the function, in milliseconds, by series. */
export type WakeResult = number[][];
