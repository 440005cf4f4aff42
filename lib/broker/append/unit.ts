/** What waits for a flush: one request's batches for one partition, and the promise of their offset. */
import type { LedgerId } from '../../kernel/ids.ts';
import type { BatchRun } from '../../log/segment/layout.ts';

export interface AppendRequest {
  ledger: LedgerId;
  slot: number;
  run: BatchRun;
  /** Append only if the partition's next offset is this one. */
  expectedOffset?: number;
  /** Append only if these are the producer's next records in the partition; answer where they are if they are there. */
  sequence?: ProducerSequence;
  /** When the caller stops waiting, by the monotonic clock. */
  deadlineMs: number;
}

/** Which of a producer's records these are. */
export interface ProducerSequence {
  /** The producer's key in ledgers, see producer-key.ts. */
  producer: string;
  epoch: number;
  /** Of the run's first record. */
  firstSequence: number;
}

export interface Appended {
  baseOffset: number;
  /** They were there before. */
  duplicate: boolean;
}

export interface Unit extends AppendRequest {
  resolve(appended: Appended): void;
  reject(error: unknown): void;
}
