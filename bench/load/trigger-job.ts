/** What the process of a dispatcher (trigger-dispatcher.ts) is asked for and answers, as JSON. */

export const TOPIC = 'delivered';

export type DispatcherJob = { directory: string } & /** `isFilled`: the records are there. */
(
  | { work: 'drain'; partitions: number; recordsPerPartition: number; rounds: number; isFilled: boolean }
  /** Records one by one, with a gap before each. */
  | { work: 'wake'; series: readonly { gapMs: number; records: number }[] }
);

export interface DrainResult {
  rounds: { dispatchedPerSecond: number; fetchedPerSecond: number; invocations: number }[];
  /** Invocations at once of a function that takes a moment. */
  concurrency: number;
  peakBytes: number;
}

/** From produce to the function, in milliseconds, by series. */
export type WakeResult = number[][];
