import { MIB } from './sizes.ts';

/** Produce. */
export const produceLimits = {
  /** Writes that one process has accepted and not yet answered; the next one is answered 429. */
  pendingRequestsMax: 4_096,
  /** Their bytes. */
  pendingBytesMax: 128 * MIB,
  /** A flush is closed at this size, so that an object stays small enough to read in one piece. */
  flushBytesMax: 8 * MIB,
  uploadsInFlightMax: 4,
  /** Bytes waiting that start an upload beside one under way. */
  flushBytesOverlap: MIB,
  uploadAttemptsMax: 4,
  /** An upload that takes longer, because a replica does not answer, holds up no others. */
  uploadSlotMsMax: 3_000,
  /** Uploads that nobody is answered for any more are waited for so long at most: longer than any that ends. */
  outstandingUploadMsMax: 40_000,
  /** How long a produce request may take before it is answered with a retriable error. */
  produceDeadlineMs: 25_000,
  /** Attempts to sequence one commit, conflicts and throttles together. */
  sequenceAttemptsMax: 64,
  /** Parts (commit ids) of one object. */
  partsPerObjectMax: 256,
} as const;
