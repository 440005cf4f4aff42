/** What waits for a flush: one request's batches for one partition, and the promise of their offset. */
import type { LedgerId } from '../../kernel/ids.ts';
import type { BatchRun } from '../../log/segment/layout.ts';

export interface AppendRequest {
  ledger: LedgerId;
  slot: number;
  run: BatchRun;
  /** Append only if the partition's next offset is this one. */
  expectedOffset?: number;
  /** When the caller stops waiting, by the monotonic clock. */
  deadlineMs: number;
}

export interface Unit extends AppendRequest {
  resolve(baseOffset: number): void;
  reject(error: unknown): void;
}
