import { MIB } from './sizes.ts';

/** Record batches. */
export const batchLimits = {
  /** What one compressed batch may inflate to. */
  inflatedBatchBytesMax: 32 * MIB,
  /** More than any batch has that is not made to exhaust its readers. */
  recordsPerBatchMax: 1_000_000,
  /**
   * Batches that are written to a partition at once. Kafka's protocol has one, and those of one that is large are few.
   */
  batchesAtOnceMax: 10_000,
  /** How long batches are checked without a break for other work. */
  checkingSliceMs: 10,
  /** Records at fault that the refusal of a batch names; beyond it no further ones are looked for. */
  recordFaultsMax: 1_000,
} as const;
