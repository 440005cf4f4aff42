import { KIB, MIB } from './sizes.ts';

/** Triggers: their delivery to functions, their events and destinations. */
export const triggerLimits = {
  /** Of one table: all of them are read by one query, by whoever wants to know which topics have any. */
  triggersMax: 100,
  triggerNameLengthMax: 64,
  /** Topics that a trigger may name; a pattern may mean more. */
  triggerTopicsMax: 100,
  /**
   * Lambda: `BatchSize` and its default, `MaximumBatchingWindowInSeconds`, `MaximumRetryAttempts`,
   * `MaximumRecordAgeInSeconds`.
   */
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
  /**
   * What the clocks of two dispatchers may differ by: beyond it two invocations may overlap, but only one is committed.
   */
  triggerClockSkewMsMax: 10_000,
  /** How long after the write that counts it an invocation may begin; later the lease is written again before it. */
  triggerInvokeMarginMs: 10_000,
  /** How long a lease is held where no function runs. */
  triggerIdleLeaseMs: 30_000,
  /**
   * How far ahead a lease may say that it is held or due at all: what says more was written by a clock that is wrong.
   */
  triggerAheadMsMax: 20 * 60 * 1_000,
  /**
   * Attempts of which nobody heard the end (their dispatcher died, the connection broke) that a batch has beside its
   * retries.
   */
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
  /**
   * How long one attempt of a call to SQS or SNS may take, and attempts; what is sent twice is a message too many at
   * worst.
   */
  failureSendMsMax: 10_000,
  failureSendAttemptsMax: 3,
  /** What is kept of a function's error message for destinations; records in a topic carry it each. */
  failureMessageLengthMax: 1_024,
  /**
   * What an invocation may take longer than its function, for a cold start and the way: no longer than its lease is
   * held.
   */
  invocationMarginMs: 10_000,
  /** Connections to Lambda; each has one invocation under way. */
  invocationConnectionsMax: 256,
} as const;
