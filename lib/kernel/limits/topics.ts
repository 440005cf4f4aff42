import { KIB, MIB } from './sizes.ts';

/** Topics. */
export const topicLimits = {
  topicNameLengthMax: 249, // Kafka's org.apache.kafka.common.internals.Topic
  partitionsPerTopicMax: 10_000,
  partitionsPerLedgerMax: 16,
  /** `max.message.bytes` and the size of a record batch. */
  messageBytesMax: 4 * MIB,
  /** All config names and values of a topic together; they share its item. */
  topicConfigLengthMax: 32 * KIB,
  /** Attempts of one change to a topic or key, conflicts and unknown outcomes together. */
  configAttemptsMax: 16,
  /** Unknown outcomes after which such a change is given up as unknown; each may have cost a timeout. */
  configUnknownOutcomesMax: 3,
  /** Ledger heads written, read or deleted at a time for one topic. */
  ledgerCallsInFlightMax: 16,

  /** Timestamps of records: 48 bits of milliseconds, the year 10889. */
  timestampMsMax: 2 ** 48 - 1,
} as const;
