import { KIB } from './sizes.ts';

/** Idempotent producers. */
export const producerLimits = {
  /** `Producer-Id`, a name that the caller chose. */
  producerIdLengthMax: 128,
  /** Batches of a producer and partition whose offsets a retry is answered with; Kafka's number. */
  producerBatchesKept: 5,
  /** Producers whose sequences are in the ledger's head … */
  producersInHeadMax: 32,
  /** … and their bytes there, names included; DynamoDB bills them with every commit. */
  producerBytesInHeadMax: 4 * KIB,
  /** A producer that has appended within this time is not moved out of the head for another one. */
  producerIdleInHeadMs: 30_000,
  /** Producers of one commit: their items, those of as many that they push out, and all conditions must fit. */
  producersPerCommitMax: 32,
  /** How long a producer that appends no more is known; Kafka's default of `producer.id.expiration.ms`. */
  producerIdExpirationMsDefault: 24 * 60 * 60 * 1_000,
  /** The least it can be set to: longer than any write can still be on its way to the store. */
  producerIdExpirationMsMin: 60_000,
  /** How long a batch whose sequence is ahead waits for those that it has overtaken … */
  sequenceGapWaitMs: 1_000,
  /** … and how far ahead, in records, it may be for that; a larger gap is refused at once. */
  sequenceGapMax: 50_000,
  /** How often a waiting batch looks whether another process has written those before it. */
  sequenceGapPollMs: 100,
  /** Producer items that a process remembers. */
  producerItemCacheEntries: 10_000,
  /** Producer ids that a process takes from the table at a time; Kafka's brokers take as many from their controller. */
  producerIdBlock: 1_000,
} as const;
