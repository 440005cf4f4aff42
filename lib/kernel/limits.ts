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
  /** A body's buffer is made this large on a mere announcement; one that claims more has to send some of it first. */
  announcedBodyBytesTrusted: 1_280 * KIB,
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
  /** Requests of one connection that wait behind the one being answered; with one more the connection is closed. */
  pipelinedRequestsMax: 1_000,
  /** How long a request's body may take to arrive. */
  requestBodyMsMax: 25_000,
  /** How often the bodies under way are looked at: one may be cut off this much later than its time. */
  requestBodyCheckMs: 500,
  /** How long a request's head may take to arrive. */
  requestHeadersMsMax: 10_000,
  /** How often Node looks for heads that are late. */
  requestHeadersCheckMs: 1_000,
  /** How long a connection is kept without a request: longer than load balancers wait, so that it is they who close. */
  keepAliveMs: 65_000,
  /** All headers of a request together; Node's own default. */
  requestHeaderBytesMax: 16 * KIB,
  /** How long one live tail (server-sent events) lasts where the platform sets no earlier end; the client resumes. */
  liveTailMsMax: 15 * 60 * 1_000,
  /** A silent live tail says that it is alive this often. */
  liveTailHeartbeatMs: 15_000,
  /** What `Retry-After` says where the fault does not know better, and what a live tail asks for between two connections. */
  retryAfterMsDefault: 1_000,
  listPageMax: 1_000,
  listPageDefault: 100,
  /** Pages that are put together where a list has to come as a whole (the REST dialect's topics). */
  wholeListPagesMax: 100,

  // Topics
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

  // Record batches
  /** What one compressed batch may inflate to. */
  inflatedBatchBytesMax: 32 * MIB,
  /** More than any batch has that is not made to exhaust its readers. */
  recordsPerBatchMax: 1_000_000,

  // Replication
  /** Replicas of one stack: bits of a mask that fits a byte. */
  replicasMax: 8,
  /** `replica.lag.time.max.ms`, a config of brokers; Kafka's default. */
  replicaLagMsDefault: 30_000,
  /** A replica has failed after this many failures in a row … */
  replicaFailuresMin: 5,
  /** … that took at least this long … */
  replicaFailingMsMin: 2_000,
  /** … or when calls have waited this long, and none has succeeded since they began: … */
  replicaSilentMsMax: 8_000,
  /** … this many, counting the failures right before. */
  replicaSilentCallsMin: 2,
  /** A failed replica is healthy after this many successes in a row … */
  replicaSuccessesMin: 5,
  /** … that took at least this long. */
  replicaRecoveringMsMin: 5_000,
  /** How long a write with acks=all waits for a replica that is joining. */
  replicaJoiningWaitMs: 250,
  /** Whoever waits for replicas has them looked at this often. */
  replicaLookMs: 1_000,
  /** Changes of a ledger's replicas that one look carries out, attempts that others are ahead of included. */
  replicaChangesPerLookMax: 16,
  /** How often a process that stays up looks at ledgers whose replicas are all well, … */
  replicaIdleLookMs: 10_000,
  /** … and how many it looks at at a time. */
  replicaLooksInFlightMax: 16,
  /** Last pages in which it is looked for what others have brought to a replica that failed here. */
  replicaPagesLookedIntoMax: 4,
  /** A replica that is not known to be healthy is probed this often by each process. */
  replicaProbeMs: 1_000,
  /** Probes of one replica that wait for an answer at a time. */
  replicaProbesInFlightMax: 8,
  /** How long a successful probe of a replica that gets no other requests says that it is alive. */
  replicaProofMsMax: 10_000,
  /** How long whoever waits for the end of all work waits for a probe: it may hang, and nothing is lost with it. */
  replicaProbePatienceMs: 500,
  /** A replica that lacks an object has it copied once it is this old: until then its writer may still be uploading it. */
  replicaCopyAfterMs: 1_000,
  /** Objects that one process copies at a time. Each is in memory as a whole, and has at most about `flushBytesMax`. */
  replicaCopiesInFlightMax: 4,
  /** How long one of them may take. What never answers has failed by then, and lag has cost nobody else their place. */
  replicaCopyMsMax: 15_000,
  /** Objects that one run of a ledger's copier looks for; the rest waits for the next look. */
  replicaCopiesPerRunMax: 256,
  /** Commits after which the copier writes how far it is. */
  replicaCopyStretchMax: 64,
  /** Late uploads of one ledger that a process remembers: a tail of them, and as many of what is sealed meanwhile. */
  replicaArrivalsMax: 128,
  /** How long a read waits for one replica before it asks the next one as well. */
  replicaReadPatienceMs: 1_000,
  /** `X-Rack`. */
  rackLengthMax: 255,
  /** S3: a directory bucket's session lasts 5 minutes; it is renewed when no more than this is left. */
  sessionRenewalMs: 60_000,

  // The ledger
  /** Tail entries that start a seal. */
  tailEntriesSeal: 8,
  /** Tail entries beyond which an append is refused until a seal. */
  tailEntriesMax: 64,
  /** Seals beyond its own that a commit id stays in the head: the K of the append condition `sealed ≤ seen + K`. */
  sealsRemembered: 4,

  // Produce
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

  // Transactions
  /** A transactional id, and a group id. */
  transactionalIdLengthMax: 255,
  groupIdLengthMax: 255,
  /** What a group may keep beside a committed offset; Kafka's `offset.metadata.max.bytes`. */
  offsetMetadataBytesMax: 4 * KIB,
  /** Partitions whose offsets one transaction commits: more than its items hold. */
  offsetsPerTransactionMax: 1_600,
  /** How long a transaction may be open where nobody says; Kafka's default of `transaction.timeout.ms`. */
  transactionTimeoutMsDefault: 60_000,
  /** Kafka's default of `transaction.max.timeout.ms`. Far below `orphanAgeMs`: its bytes are not swept while it is open. */
  transactionTimeoutMsMax: 15 * 60 * 1_000,
  /** Times that a transaction may be added to. */
  transactionPartsMax: 1_000,
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

  // Consumer groups
  /** Members of one group: their items are read together when the group is looked over, and one item lists them all. */
  groupMembersMax: 1_000,
  /** Member ids that clients choose for themselves, and those made here. */
  memberIdLengthMax: 255,
  /** `group.instance.id`: part of the id of a static member. */
  groupInstanceIdLengthMax: 128,
  /** What a member may subscribe to by name: topics, and their names together in UTF-8. */
  groupSubscriptionTopicsMax: 1_000,
  groupSubscriptionBytesMax: 16 * KIB,
  /** Topics and partitions that one group can have: all its assignments share an item. */
  groupTopicsMax: 2_000,
  groupPartitionsMax: 50_000,
  /** The item of all assignments, far below what DynamoDB takes, since a change writes it in a transaction. */
  groupTargetBytesMax: 320 * KIB,
  /**
   * A topic pattern, and the steps it may compile to, which suffices for all that counts no repetitions; matching costs at
   * most their product with a name's length.
   */
  topicPatternLengthMax: 512,
  topicPatternStepsMax: 1_000,
  /** What is remembered of a pattern to match the next name faster: sets of its steps. */
  topicPatternStatesMax: 256,
  /** Patterns of which a process remembers the topics, and steps of matching after which other requests have their turn. */
  topicPatternsRemembered: 256,
  topicMatchStepsInTurn: 500_000,
  /** Different patterns that members of one group can join with. */
  groupPatternsMax: 64,
  /** How deep groups of a pattern may nest. */
  topicPatternDepthMax: 32,
  /** `session.timeout.ms`: Kafka's bounds and its default of the consumer. */
  groupSessionTimeoutMsMin: 6_000,
  groupSessionTimeoutMsMax: 30 * 60 * 1_000,
  groupSessionTimeoutMsDefault: 45_000,
  /** How long a member may take to give up what it is told to; Kafka's default of `max.poll.interval.ms`. */
  groupRebalanceTimeoutMsDefault: 5 * 60 * 1_000,
  groupRebalanceTimeoutMsMax: 30 * 60 * 1_000,
  /** How often someone looks whether members are gone and topics have changed. */
  groupLookMs: 5_000,
  /** Times that a change of a group is decided anew because others changed it first. */
  groupDecisionsMax: 16,
  /** Rounds in which loads of members with different subscriptions are evened out; as many as Kafka's. */
  groupBalancingRoundsMax: 16,
  /** Kafka's default of `group.initial.rebalance.delay.ms`. */
  groupInitialRebalanceDelayMs: 3_000,
  /** Protocols that one member offers, and their metadata together. */
  groupProtocolsMax: 32,
  groupProtocolBytesMax: 64 * KIB,
  /** Assignments that the leader of a classic group may hand in; they share an item. */
  groupAssignmentBytesMax: 320 * KIB,
  /** The seats of all members of a classic group, which share an item with the assignments, … */
  groupSeatBytesMax: 192 * KIB,
  /** … and that item: below the 400 KB that DynamoDB takes. */
  groupGenerationBytesMax: 390_000,
  /** Kafka's default of `offsets.retention.minutes`, in ms. */
  offsetsRetentionMsDefault: 7 * 24 * 60 * 60 * 1_000,
  /** What `offsets.retention.minutes` may be at most, as a number of Kafka's: 32 bits with a sign. */
  offsetsRetentionMinutesMax: 2 ** 31 - 1,
  /** Groups whose state and target a process remembers. */
  groupCacheEntries: 1_000,
  /** How old the state of a group may be that a heartbeat goes by; members of a process share its reads. */
  groupStateAgeMs: 500,
  /** A poll that waits looks at the group this often, unless a third of the session is shorter, … */
  groupWaitLookMs: 3_000,
  /** … and this often while partitions of it are still to be given up by others. */
  groupHandOverLookMs: 300,
  /** How long a process takes it that a group is in the directory of groups. */
  groupListedMs: 60_000,
  /**
   * An entry of that directory that was written less long ago is not removed: longer than a process takes it to be there, and
   * than a transaction of that time may still commit offsets.
   */
  groupEntryKeptMs: 60 * 60 * 1_000,
  /** Partitions that one poll reads at a time, and rounds over those that have more than their share. */
  pollPartitionsInFlightMax: 8,
  pollRoundsMax: 3,
  /** Who a client says it is, of a member. */
  groupClientLengthMax: 255,
  /** How long a consumer instance of the REST dialect is kept without being used; the dialect's servers agree on it. */
  instanceTimeoutMs: 5 * 60 * 1_000,
  /** An instance that is used without being changed is written this often, so that it is seen to be in use. */
  instanceTouchMs: 60_000,
  instanceNameLengthMax: 255,
  /** Partitions that a client may assign to an instance by itself; their positions share its item. */
  instancePartitionsMax: 1_000,
  /** Instances of a group that are looked at for old ones when one is created. */
  instancesSweptMax: 100,
  /** The positions that a poll's cursor carries, as bytes. */
  pollCursorBytesMax: 512 * KIB,

  // Triggers
  /** Of one table: all of them are read by one query, by whoever wants to know which topics have any. */
  triggersMax: 100,
  triggerNameLengthMax: 64,
  /** Topics that a trigger may name; a pattern may mean more. */
  triggerTopicsMax: 100,
  /** Lambda: `BatchSize` and its default, `MaximumBatchingWindowInSeconds`, `MaximumRetryAttempts`, `MaximumRecordAgeInSeconds`. */
  triggerBatchSizeMax: 10_000,
  triggerBatchSizeDefault: 100,
  triggerBatchingWindowMsMax: 300 * 1_000,
  triggerRetryAttemptsMax: 10_000,
  triggerRecordAgeMsMin: 60 * 1_000,
  triggerRecordAgeMsMax: 7 * 24 * 60 * 60 * 1_000,
  /** Lambda: filters of one mapping (with a raised quota), and the length of each. */
  triggerFiltersMax: 10,
  triggerFilterLengthMax: 4_096,
  /** Lambda: `ParallelizationFactor`, `TumblingWindowInSeconds`. */
  triggerParallelizationMax: 10,
  triggerTumblingWindowMsMax: 900 * 1_000,
  /** How long a function may take: the dispatcher, which has 15 minutes, must outlive it. */
  triggerTimeoutMsMax: 12 * 60 * 1_000,
  triggerTimeoutMsDefault: 60 * 1_000,
  /** An ARN, or the name of a local handler. */
  triggerTargetLengthMax: 512,
  /** Lambda: `TenantId` of an invocation. */
  triggerTenantIdLengthMax: 256,
  /** Partitions that a dispatcher is handed at a time. */
  partitionsPerDispatchMax: 64,
  /** A trigger that has been in the making for so long is finished by the sweeper. */
  triggerUnfinishedMs: 60 * 1_000,
  /** Partitions after which one run of the triggers' sweeper ends, to be continued. */
  sweptPartitionsMax: 20_000,
  /** How long a process takes the triggers from memory, where a late answer costs a delay only. */
  triggerCacheMs: 5_000,

  // Delivery to functions
  /** What a tumbling window's state may be as JSON; it is part of the lease, and DynamoDB bills it with every batch. */
  triggerWindowStateBytesMax: 256 * KIB,
  /** How long after its end a window waits for records that are late. */
  triggerWindowGraceMs: 1_000,
  /** What the clocks of two dispatchers may differ by: beyond it two invocations may overlap, but only one is committed. */
  triggerClockSkewMsMax: 10_000,
  /** How long after the write that counts it an invocation may begin; later the lease is written again before it. */
  triggerInvokeMarginMs: 10_000,
  /** How long a lease is held where no function runs. */
  triggerIdleLeaseMs: 30_000,
  /** How far ahead a lease may say that it is held or due at all: what says more was written by a clock that is wrong. */
  triggerAheadMsMax: 20 * 60 * 1_000,
  /** Attempts of which nobody heard the end (their dispatcher died, the connection broke) that a batch has beside its retries. */
  triggerUnheardAttemptsMax: 3,
  /** Bounds that halving leaves for a lane; more than 10,000 records need. */
  triggerHalvesMax: 32,
  /** The pause after the first failure of a batch at most; twice as long with each further one, … */
  triggerRetryPauseMsMin: 200,
  /** … up to this. */
  triggerRetryPauseMsMax: 60 * 1_000,
  /** The same where it takes someone to change something: a function that does not exist, a missing permission. */
  triggerRefusalPauseMsMin: 5_000,
  triggerRefusalPauseMsMax: 5 * 60 * 1_000,
  /** What is due later than this is left to the sweeper. */
  triggerWaitMsMax: 10_000,
  /** How long a dispatcher stays with a partition that has nothing: steady traffic then needs one only. */
  triggerLingerMsMin: 250,
  /** The same with a batching window of as much or more. */
  triggerLingerMsMax: 1_000,
  /** Records that one dispatcher has read ahead, and the least that each of its partitions may. */
  triggerBufferBytesMax: 192 * MIB,
  triggerBufferBytesMin: MIB,
  /** Attempts of one write of a lease whose outcome stays unknown, or that is throttled. */
  triggerLeaseWritesMax: 8,
  /** Times that one dispatch takes the same lease. */
  triggerTakesMax: 16,
  /** What is kept of a dispatcher's time for what comes after its last invocation. */
  triggerEndMarginMs: 15_000,
  /** How long partitions that stop wait for others that do, to be handed on with them. */
  triggerHandOnMs: 50,
  /** What a lease keeps of a function's error message. */
  triggerErrorLengthMax: 500,
  /** How long a dispatcher takes a trigger from memory: how soon a change of it is noticed. */
  triggerChangeMs: 3_000,

  // Events and destinations of triggers
  /** Objects inside each other in one filter. */
  filterDepthMax: 32,
  /** Lambda: the payload of a synchronous invocation must be smaller than 6 MiB. */
  eventBytesMax: 6 * MIB - 1,
  /** SNS: a message with its attributes. SQS takes more where a queue has been told to, so that this suits both. */
  failureMessageBytesMax: 256 * KIB,
  /** How long one attempt of a call to SQS or SNS may take, and attempts; what is sent twice is a message too many at worst. */
  failureSendMsMax: 10_000,
  failureSendAttemptsMax: 3,
  /** What is kept of a function's error message for destinations; records in a topic carry it each. */
  failureMessageLengthMax: 1_024,
  /** What an invocation may take longer than its function, for a cold start and the way: no longer than its lease is held. */
  invocationMarginMs: 10_000,
  /** Connections to Lambda; each has one invocation under way. */
  invocationConnectionsMax: 256,

  // Idempotent producers
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

  // Storage
  /** DynamoDB: an item with its attribute names. */
  itemBytesMax: 400 * KIB,
  /** DynamoDB: lists and maps inside each other in one item. */
  itemNestingMax: 31,
  /** DynamoDB: a partition key and a sort key, in UTF-8. */
  partitionKeyBytesMax: 2 * KIB,
  sortKeyBytesMax: KIB,
  /** DynamoDB: what one page of a query reads. */
  queryPageBytesMax: MIB,
  /** DynamoDB: items in one transaction. */
  transactionItemsMax: 100,
  /** DynamoDB: the items of one transaction together. */
  transactionBytesMax: 4 * MIB,
  /** DynamoDB: the length of one expression. */
  expressionBytesMax: 4 * KIB,
  /** DynamoDB: operators and functions in one expression. */
  expressionOperatorsMax: 300,
  /** Objects up to this size live as items in the table; measured in the bench, see docs/decisions. */
  inlineBytesMaxDefault: 4 * KIB,
  /** Retries of one storage call that had no effect (throttles, transaction conflicts). */
  storageRetriesMax: 8,
  /** Attempts of a call whose outcome was unknown and that may be made again whatever it was. */
  unknownOutcomeAttemptsMax: 3,
  /** The longest first pause before storage is asked again; each further one may be twice as long, … */
  storageRetryPauseMsMin: 20,
  /** … up to this. */
  storageRetryPauseMsMax: 1_000,
  /** How long connecting to DynamoDB or S3 may take, … */
  storageConnectMsMax: 1_000,
  /** … one attempt of a call of DynamoDB, … */
  metadataCallMsMax: 5_000,
  /** … and a call of S3 with all its attempts. Two that hang are just longer than a produce request may take. */
  objectCallMsMax: 13_000,
  /** The same of a call that has S3 put together or copy a large object, which keeps the connection busy meanwhile. */
  objectAssemblyMsMax: 60_000,
  /** S3: parts but the last have at least 5 MiB. An object of no more than this is put at once. */
  uploadPartBytes: 6 * MIB,
  /** Buffers of a part, so that what is small takes little memory. */
  uploadBlockBytes: 512 * KIB,
  /** Parts that are on their way to one bucket, of all uploads together. Each upload fills one more meanwhile. */
  uploadPartsInFlightMax: 4,
  /** S3: what one CopyObject copies, which archiving does. */
  uploadBytesMax: 5 * 1024 * MIB,
  /** Connections of one process to DynamoDB and to S3, each. */
  storageConnectionsMax: 128,
  /** An object's name: S3 allows 1,024 bytes, some of which are a prefix. */
  objectNameBytesMax: 512,
  /** One segment of an object's name: file systems allow 255 bytes. */
  objectNameSegmentBytesMax: 255,
  /** How long a table that is being created may take to be usable. */
  tableCreationMsMax: 5 * 60 * 1_000,
  /** How often it is asked whether it is. */
  tableCreationPollMs: 500,
  /** S3: objects in one DeleteObjects request. */
  deleteObjectsMax: 1_000,
  /** Storage calls that one call of the object store makes at a time. */
  storageFanOutMax: 16,

  /**
   * Blocks of a merged segment that are read at once, and kept. So much more than 4 MiB that a whole segment takes no more
   * requests than one for each of its 4 MiB, with the one for its index, which has some 4,000 blocks at most.
   */
  segmentExtentBytes: 4 * MIB + 256 * KIB,
  segmentExtentCacheEntries: 8,
  segmentIndexCacheEntries: 32,
  segmentItemCacheEntries: 1_024,
  /** How long it is believed which segment covers an offset: with the life of a presigned URL it is less than the grace. */
  segmentItemAgeMsMax: 10 * 60 * 1_000,
  segmentItemsPerQuery: 100,

  /** Runs that one fetch reads at once. */
  runsPerReadMax: 256,

  /** Ranges that one plan names. */
  plannedSegmentsMax: 100,
  /** How long a presigned URL works. */
  presignedUrlMs: 15 * 60 * 1_000,

  // The client
  /** One attempt of one call, beside what the server is asked to wait. */
  clientRequestMsMax: 30_000,
  clientAttemptsMax: 5,
  /** The pause before the second attempt; doubles, with jitter, … */
  clientRetryPauseMsMin: 100,
  /** … up to this, which also caps what a server may ask for. */
  clientRetryPauseMsMax: 10_000,

  // The client's producer: its defaults, Kafka's where HTTP gives no reason for others (producer.linger.ms and so on)
  clientLingerMsDefault: 5,
  clientLingerMsMax: 60 * 60 * 1_000,
  /** Far more than Kafka's 16 KiB: a request over HTTP costs more than one of Kafka's. Below every topic's default limit. */
  clientBatchBytesDefault: 512 * KIB,
  clientBatchRecordsDefault: 5_000,
  clientInFlightDefault: 5,
  clientInFlightMax: 256,
  clientBufferBytesDefault: 32 * MIB,
  clientBufferBytesMax: 1_024 * MIB,
  /** Records that wait for room in the buffer, beside what `waitMsMax` bounds. */
  clientWaitingRecordsMax: 1_000_000,
  clientWaitMsDefault: 60_000,
  clientDeliveryTimeoutMsDefault: 120_000,
  /** No option of the producer that is a time may be longer. */
  clientTimeMsMax: 24 * 60 * 60 * 1_000,
  /** How long the number of a topic's partitions is taken from memory; then it is read again beside the sending. */
  clientTopicAgeMsDefault: 5 * 60 * 1_000,
  /** After an error it is read again at once, but not more often than this. */
  clientTopicRefreshMsMin: 1_000,

  // The client's direct reading: from the bucket, by the ranges of a plan
  /** What one plan is asked for. A plan costs the server a read or two, whatever it names. */
  clientPlanBytes: 64 * MIB,
  /** A plan with fewer bytes behind its URLs is left to ordinary fetches, … */
  clientDirectBytesMin: MIB,
  /** … as is one whose ranges have fewer bytes on average: a request for each is not worth it. */
  clientDirectRangeBytesMin: 64 * KIB,
  clientRangesInFlightDefault: 4,
  clientRangesInFlightMax: 64,
  clientRangesBytesDefault: 16 * MIB,
  clientRangesBytesMax: 1_024 * MIB,
  /** Plans of which ranges are being read, or wait to be handed out. */
  clientPlansInHandMax: 4,
  /** How long ordinary fetches go on after direct reading failed or had little to read; doubles, … */
  clientDirectPauseMsMin: 10_000,
  /** … up to this. */
  clientDirectPauseMsMax: 10 * 60 * 1_000,
  /** A member asks for the first plan of a partition after so many bytes of it came in answers that were full. */
  clientDirectEarnedBytesMin: 256 * KIB,
  /** How often a member commits what it reads directly, as no poll for records does. Kafka: `auto.commit.interval.ms`. */
  clientDirectCommitMs: 5_000,

  // The client's consumer
  /** Kafka's default of `max.poll.interval.ms`. */
  clientPollIntervalMsDefault: 5 * 60 * 1_000,
  /** How long a poll waits for records by default; the server looks after the member meanwhile. */
  clientPollWaitMsDefault: 10_000,
  /** Polls that come back at once without records are this far apart at first, … */
  clientIdlePauseMsMin: 25,
  /** … twice as far each time, and no farther than this. */
  clientIdlePauseMsMax: 1_000,
  /** How long a consumer takes to commit and leave before it gives up. */
  clientCloseMsDefault: 30_000,
  /** Times that a commit is sent again because the member's generation has moved on meanwhile. */
  clientCommitGenerationsMax: 4,

  // The command line
  /** A line of input; a longer one is no record that any topic takes, and is not kept in memory. */
  cliLineBytesMax: 4 * MIB,
  /** Input that was read and is not yet written: reading waits beyond it. */
  cliUnwrittenBytesMax: 8 * MIB,
  /** How often long work says how far it is. */
  cliProgressMs: 5_000,
  /** Lines that are refused by number before the rest is only counted. */
  cliRefusalsShown: 20,
  /** How long records under way have to settle after a failure of others. */
  cliCloseMsMax: 5_000,
  /** Polls at a time; of more partitions each waits its turn … */
  cliPollsMax: 64,
  /** … and polls wait no longer than this then. */
  cliSharedPollMs: 1_000,
  /** What they may bring at once, all together. */
  cliFetchedBytesMax: 16 * MIB,
  /** Requests at a time about the partitions of a topic. */
  cliRequestsInFlightMax: 16,
  /** How often a reader that follows all partitions looks for new ones, … */
  cliTopicRefreshMs: 60_000,
  /** … and how long it waits before it asks again a server that is gone. */
  cliRetryPauseMs: 2_000,

  // Lambda
  /** AWS: the JSON of an event, and of a buffered answer. Base64 makes a body 4/3 as long, escaping up to twice. */
  lambdaAnswerBytesMax: 6 * MIB,
  /** A live tail of a Lambda Web Function ends before the service's 15 minutes; one of a function before its 30 s. */
  webLiveTailMsMax: 14 * 60 * 1_000,
  lambdaLiveTailMsMax: 25 * 1_000,
  /** What is kept of a function's time for the answer that its time is over. */
  lambdaTimeoutMarginMs: 500,
  /** What is kept of a scheduled function's time for ending what it is at, and for noting where it goes on. */
  scheduledTimeoutMarginMs: 30_000,
  /** One attempt to wake a dispatcher; Lambda answers as soon as it has the event. */
  dispatcherWakeMsMax: 2_000,
  /** How often a function that runs for long publishes what it has counted of triggers. */
  triggerMetricsMs: 10_000,
  /** One attempt to answer CloudFormation's request for a custom resource, and attempts. */
  customResourceAnswerMsMax: 5_000,
  customResourceAnswersMax: 4,
  /** SIGTERM gives a Lambda Web Function 1 s; requests under way get this much of it. */
  webDrainMsMax: 800,
  /** How long the first admin key is taken from memory. */
  adminKeyCacheMs: 5 * 60 * 1_000,
  adminKeyCallMsMax: 5_000,

  // Caches of one process
  objectCacheBytes: 64 * MIB,
  headCacheEntries: 10_000,
  /** How long records are served by a head from memory after it was seen: well below the hour after which nobody has what was erased. */
  headAgeMsMax: 10 * 60 * 1_000,
  pageCacheEntries: 1_024,
  /** Ledgers whose leader epochs a process remembers. */
  epochHistoryEntries: 1_024,
  epochsPerQueryMax: 100,
  bundleCacheEntries: 64,
  /** Pages that the first query of a walk through them asks for, when mostly one or two are wanted, and those after it. */
  pagesWalkedFirst: 4,
  pagesWalkedPerQuery: 100,
  topicCacheEntries: 10_000,
  /** How long a topic's config is served from memory. */
  topicCacheMs: 5_000,

  // Health
  /** How long storage may take to answer a health check. */
  healthMsMax: 2_000,

  // API keys
  principalCacheEntries: 10_000,
  /** How long a key is accepted from memory, and so how long a deleted key may still work. */
  principalCacheMs: 5_000,
  /** Grants of one key; they share its item. */
  grantsPerPrincipalMax: 100,
  /** RFC 5802 and Kafka: at least 4096. More would buy nothing, because stored secrets have 256 random bits. */
  scramIterations: 4_096,

  // Waiting readers: the rate of reading a ledger's head, shared by all of a process
  headPollMsMin: 100,
  headPollMsMax: 1_000,
  /** The wait before each further read while the ledger does not grow, of the one before. */
  headPollGrowthPercent: 150,

  // The local server
  /** Connections at a time; Node closes those beyond. */
  connectionsMax: 5_000,
  /** How long requests under way may take to end after SIGTERM; a long poll is answered at once. */
  drainMsMax: 25_000,
  /** Threads of one trigger's handler. */
  handlerThreadsMax: 16,
  /** How long a handler's module may take to load, or an invocation wait for a thread: Lambda's time for initialization. */
  handlerLoadMsMax: 10_000,
  /** Directories that are watched for changes of one handler's sources, … */
  handlerDirectoriesMax: 100,
  /** … and how long further changes are waited for before it is loaded anew. */
  handlerChangeMs: 100,
  /** How often a local server looks for what its triggers were not told of: records that another process has written. */
  localSweepMs: 2_000,
  /** What the file of a local server's triggers may have. */
  localTriggerFileBytesMax: MIB,
  /** How long handlers that run may take to end after SIGTERM. */
  handlerGraceMsMax: 20_000,

  // Maintenance
  /** How often a process that stays up does it. */
  maintenanceIntervalMs: 10 * 60 * 1_000,
  /** Groups that are tidied at the same time, and pages of consumer instances that are looked through of each. */
  groupsTidiedInFlightMax: 8,
  instancePagesTidiedMax: 100,

  // Merged segments (lib/log/merged)
  /** What merging makes a partition's segments grow to; `segment.bytes` may say less. */
  mergedSegmentBytesMax: 256 * MIB,
  /** A ledger's pages are merged when they hold as much as this, … */
  mergeBytesMin: 64 * MIB,
  /** … when there are as many as this, … */
  mergePagesMin: 64,
  /** … or when the oldest commit in them is as old as this. */
  mergeAgeMsMin: 60 * 60 * 1_000,
  /**
   * What one step of merging pages reads and writes, unless a single page has more. Memory does not depend on it; of 16
   * partitions that have as much, each gets one full segment.
   */
  mergeStepBytesMax: 4_096 * MIB,
  /**
   * After this a step ends with the page that it is at, however slow storage is: before the lease is over, and long before the
   * sweeper takes its oldest segment for an orphan (`orphanAgeMs`), after which it could not be committed any more.
   */
  mergeStepMsMax: 10 * 60 * 1_000,
  /** Ledgers that are looked at at the same time; one at a time is merged, which is what memory is for. */
  mergeLooksInFlightMax: 8,
  /** Steps of one ledger before the next one has its turn, … */
  mergeStepsPerTurnMax: 4,
  /** … and rounds through all ledgers, as long as there is more that is due. */
  mergeRoundsMax: 16,
  /** How long who merges a ledger is left alone: no function runs for longer. */
  lifecycleLeaseMs: 15 * 60 * 1_000,
  /** Pages that one step takes on at most, however little they hold. */
  mergePagesPerStepMax: 1_024,
  /** What is read ahead of what is written: requests … */
  mergeReadsInFlightMax: 32,
  /** … and their bytes. */
  mergeReadBytesMax: 16 * MIB,
  /** Last segments of a partition among which small ones are looked for. */
  segmentsLookedAtMax: 256,
  /** Batches of one segment that are sent on together. */
  segmentGatherBytes: 256 * KIB,
  /** What of a segment is asked for at once by who goes through all of it, and how many such requests are under way. */
  segmentReadBytes: 8 * MIB,
  segmentReadsInFlightMax: 2,
  /** Segments next to each other that are merged into one. */
  segmentMergeFanIn: 8,
  /** A block of a segment's index: it ends with the batch that brings it to this size. */
  segmentBlockBytes: 64 * KIB,
  /** How long readers may take to look again, and longer than a presigned URL works. */
  lifecycleGraceMs: 60 * 60 * 1_000,
  /** Marks of how far merging had come, in a ledger's lifecycle item. */
  lifecycleMarksMax: 8,
  /** Of one transaction's items what segments may take: head, lifecycle and what is condemned need the others. */
  segmentWritesMax: 97,
  /** Objects that one item condemns. */
  condemnedPerItemMax: 100,
  /** Last pages that stay when those below are retired: sealing needs the newest, a late attempt looks at six. */
  pagesKept: 6,

  // Compaction
  /** Memory for the keys of one pass: 2.5 million of them. More keys take more passes. */
  compactionKeyBytesMax: 64 * MIB,
  /** Dirty bytes that one pass takes on. */
  compactionDirtyBytesMax: 4_096 * MIB,
  /** Passes over one partition, one after the other, before others have their turn. */
  compactionPassesPerTurnMax: 4,

  /** Pages that one step retires, and deletes. */
  pagesRetiredPerStep: 64,
  /** Objects of which it is looked together whether any ledger needs them: more than a step mostly has. */
  orphansJudgedTogether: 1_024,
  /** Parts of objects that a process remembers for the next ledger that shares them, about 100 bytes each. */
  objectPartsRemembered: 100_000,
  /** Ledgers from which merged pages and condemned objects are cleared at the same time. */
  ledgersClearedInFlightMax: 4,
  /** Condemned items of a ledger that are read at once. */
  condemnedItemsPerStep: 16,

  // Erasures
  /** Ledgers of the topics of one erasure. */
  erasureLedgersMax: 1_000,
  /** Of the key or header value that an erasure looks for. */
  erasureValueBytesMax: 64 * KIB,
  /** Neighbouring segments of a partition that one step goes through. */
  erasureSegmentsPerStep: 64,
  /** Attempts of a step that others were faster than. */
  erasureAttemptsMax: 8,
  /** How far clocks that name objects may differ. */
  erasureSkewMs: 5 * 60 * 1_000,
  /** When an erasure that waits for others looks again. */
  erasureRetryMs: 10 * 60 * 1_000,
  /** How often a terminal asks whether an erasure is done. */
  erasurePollMs: 2_000,
  /** How often a local server looks for erasures that are to be carried out. */
  localErasureIntervalMs: 5_000,

  // Deletion of topics
  /** Attempts to take the head of a ledger that is still being appended to, for as long as others may have the topic in memory. */
  graveAttemptsMax: 32,
  /** How long whoever deletes a topic goes on in the background with what it had; the maintenance does the rest. */
  deletionMsMax: 5_000,
  /** Ledgers of a deleted topic that are emptied at the same time. */
  ledgersEmptiedInFlightMax: 4,
  /** How long after it a deleted topic is looked through once more for what was on its way. */
  deletionGraceMs: 60 * 60 * 1_000,

  // Classes of storage
  /** What a segment has at least that is moved to the class for archives. */
  archiveBytesMin: 4 * MIB,
  /** Segments of a ledger that one step moves, … */
  archivesPerStepMax: 256,
  /** … how many at the same time, … */
  archivesInFlightMax: 8,
  /** … and how many before their items say so. */
  archivesNotedTogether: 32,
  /** Ledgers that are looked at at the same time. */
  archivedLedgersInFlightMax: 4,
  /** Attempts to note them against others that change the ledger's segments. */
  archiveNotesMax: 4,

  // Retention
  /** Pages of a ledger, and segments of a partition, that one look at it goes through in each direction; the next goes on. */
  retentionPagesMax: 10_000,
  retentionSegmentsMax: 10_000,
  /** Items that the first query of such a walk asks for, and those after it. */
  retentionFirstItems: 4,
  retentionItemsPerQuery: 100,
  /** Ledgers that are looked at at the same time. */
  retainedLedgersInFlightMax: 8,

  // The sweeper
  /** How far back the first sweep of a table looks; later ones go on from where the last one ended. */
  sweepLookbackMs: 7 * 24 * 60 * 60 * 1_000,
  /** Names of one hour that a sweep remembers, to look at each once, and at the oldest first. */
  sweepNamesRemembered: 100_000,
  /** Objects that a sweep examines at the same time. */
  sweepExaminationsInFlightMax: 8,
  /** An object younger than this may still be on its way to its ledger. */
  orphanAgeMs: 60 * 60 * 1_000,
  /** What the sweeper reads of an object's end at first; a longer footer takes a second read. */
  footerBytesGuess: 16 * KIB,

  // Making the index of merged segments anew
  /** Footers that are read at the same time. */
  restoreFootersInFlightMax: 16,
  /** Items of segments that are read at once. */
  restoreSegmentsPerQuery: 1_000,

  // The consistency check
  /** Keys of one page of a scan of the table. */
  scanPageItems: 1_000,
  /** What nothing refers to is reported when it is older: until then whoever clears up may still be at it. */
  checkGraceMs: 24 * 60 * 60 * 1_000,
  /** How long what looks forsaken is left alone before it is looked at again: a topic's creation is over by then. */
  checkSettleMs: 30_000,
  /** How long after the last walk through everything began the next one may begin, … */
  checkIntervalMs: 24 * 60 * 60 * 1_000,
  /** … and what of it is done in one go. */
  checkStepsPerRun: 1_000,
  /** Pages of one ledger that a step goes through. */
  checkPagesPerStep: 64,
  /** Merged segments of one partition that a step goes through. */
  checkSegmentsPerStep: 256,
  /** How often items that change while they are compared are read anew. */
  checkAttemptsMax: 4,
  /** What of a merged segment is read at once. */
  checkBytesAtOnce: 4 * MIB,
  /** Objects that are looked at at the same time. */
  checkLooksInFlightMax: 8,
  /** Objects whose size is remembered: those of a flush to several ledgers, and what was reported already. */
  checkObjectsRemembered: 10_000,
} as const;
