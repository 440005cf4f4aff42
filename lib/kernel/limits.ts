/**
 * Every bound of the system by name. A loop, retry, queue, batch or buffer without a limit from here is a bug.
 * Units are part of the name. Where AWS or Kafka sets the number, the comment says so.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

export const limits = {
  // Requests
  /** A request's body on every door, after inflation. */
  requestBodyBytesMax: 4 * MIB,
  /** How deep a JSON body may nest. */
  jsonDepthMax: 64,
  /** Records in one produce request. */
  recordsPerRequestMax: 10_000,
  headersPerRecordMax: 100,
  /** The answer of one fetch, by its serialized size. */
  fetchBytesMax: 4 * MIB,
  fetchBytesDefault: MIB,
  fetchRecordsMax: 10_000,
  fetchRecordsDefault: 500,
  fetchWaitMsMax: 20_000,
  /** Long polls and live tails that one process holds at a time; the next one is answered 429. */
  waitingRequestsMax: 1_000,
  listPageMax: 1_000,
  listPageDefault: 100,

  // Topics
  topicNameLengthMax: 249, // Kafka's org.apache.kafka.common.internals.Topic
  partitionsPerTopicMax: 10_000,
  partitionsPerLedgerMax: 16,
  /** `max.message.bytes` and the size of a record batch. */
  messageBytesMax: 4 * MIB,

  // Record batches
  /** What one compressed batch may inflate to. */
  inflatedBatchBytesMax: 32 * MIB,

  // The ledger
  /** Tail entries that start a seal. */
  tailEntriesSeal: 8,
  /** Tail entries beyond which an append is refused until a seal. */
  tailEntriesMax: 64,
  /** Seals beyond its own that a commit id stays in the head: the K of the append condition `sealed ≤ seen + K`. */
  sealsRemembered: 4,

  // Produce
  /** Requests waiting in one process for their flush; the next one is answered 429. */
  pendingRequestsMax: 4_096,
  /** Bytes waiting in one process for their flush. */
  pendingBytesMax: 128 * MIB,
  /** A flush is closed at this size, so that an object stays small enough to read in one piece. */
  flushBytesMax: 8 * MIB,
  uploadsInFlightMax: 4,
  /** How long a produce request may take before it is answered with a retriable error. */
  produceDeadlineMs: 25_000,
  /** Attempts to sequence one commit, conflicts and throttles together. */
  sequenceAttemptsMax: 64,
  /** Parts (commit ids) of one object. */
  partsPerObjectMax: 256,

  // Storage
  /** DynamoDB: an item with its attribute names. */
  itemBytesMax: 400 * KIB,
  /** DynamoDB: items in one transaction. */
  transactionItemsMax: 100,
  /** DynamoDB: the length of one expression. */
  expressionBytesMax: 4 * KIB,
  /** DynamoDB: operators and functions in one expression. */
  expressionOperatorsMax: 300,
  /** Objects up to this size live as items in the table; measured in the bench, see docs/decisions. */
  inlineBytesMaxDefault: 4 * KIB,
  /** Retries of one storage call that had no effect (throttles, transaction conflicts). */
  storageRetriesMax: 8,

  // Caches of one process
  objectCacheBytes: 64 * MIB,
  headCacheEntries: 10_000,
  topicCacheEntries: 10_000,
  /** How long a topic's config is served from memory. */
  topicCacheMs: 5_000,

  // Waiting readers: the rate of reading a ledger's head, shared by all of a process
  headPollMsMin: 100,
  headPollMsMax: 1_000,

  // The sweeper
  /** An object younger than this may still be on its way to its ledger. */
  orphanAgeMs: 60 * 60 * 1_000,
} as const;
