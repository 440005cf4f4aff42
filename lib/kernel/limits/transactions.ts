import { KIB } from './sizes.ts';

/** Transactions. */
export const transactionLimits = {
  /** A transactional id, and a group id. */
  transactionalIdLengthMax: 255,
  groupIdLengthMax: 255,
  /** What a group may keep beside a committed offset; Kafka's `offset.metadata.max.bytes`. */
  offsetMetadataBytesMax: 4 * KIB,
  /** Partitions whose offsets one transaction commits: more than its items hold. */
  offsetsPerTransactionMax: 1_600,
  /** How long a transaction may be open where nobody says; Kafka's default of `transaction.timeout.ms`. */
  transactionTimeoutMsDefault: 60_000,
  /**
   * Kafka's default of `transaction.max.timeout.ms`. Far below `orphanAgeMs`: its bytes are not swept while it is open.
   */
  transactionTimeoutMsMax: 15 * 60 * 1_000,
  /** Times that a transaction may be added to. */
  transactionPartsMax: 1_000,
  /**
   * The same of Kafka's producers, some of which wait for the answer to each record. Parts are numbered with four
   * digits.
   */
  producerPartsMax: 9_999,
  /**
   * Partitions that one epoch of a producer of Kafka's protocol names; they are all in the item of its transactional
   * id.
   */
  transactionPartitionsMax: 10_000,
  /** Commits that a transaction brings to the tail of one ledger; of more it makes a bundle, which is one. */
  commitsPerAppendMax: 8,
  /** Packed commits in one item of a bundle. */
  bundleItemBytesMax: 128 * KIB,
  /** Commits that one shared write brings to one ledger. */
  commitsPerSharedWriteMax: 16,
  /** Transactions that one process has accepted and not yet answered; the next one is answered 429. */
  pendingTransactionsMax: 1_024,
  /** Times that a transaction is decided anew, because its transactional id changed or its bytes were swept. */
  transactionDecisionsMax: 16,
} as const;
