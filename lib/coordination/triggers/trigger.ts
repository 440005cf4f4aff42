/**
 * A trigger: which records go to which function, and how. The names and their meaning are those of a Lambda event
 * source mapping (`CreateEventSourceMapping`), where one has them; what mappings for Kafka do not offer is said.
 */

/** Where a partition begins of which the group has no committed offset. LATEST is settled when the trigger is made. */
export type StartingPosition =
  | { position: 'LATEST' }
  | { position: 'TRIM_HORIZON' }
  | { position: 'AT_TIMESTAMP'; timestampMs: number };

/** Topics by name, or all that a pattern means, also later ones (mappings: one topic). */
export type TriggerTopics = { names: readonly string[] } | { pattern: string };

/** Where what could not be delivered goes. `arn` of a queue, an SNS topic, a bucket; or a topic of this log. */
export type FailureTarget =
  | { kind: 'sqs' | 'sns' | 's3'; arn: string }
  /** Records of the failed batch go to the topic one by one, with headers that say what happened. */
  | { kind: 'topic'; topic: string };

/** Which of the two event sources of Kafka the event says it comes from. */
export type EventShape = 'msk' | 'self-managed';

export interface Trigger {
  /** 1–64 of letters, digits, `.`, `_`, `-`. */
  name: string;
  topics: TriggerTopics;
  /** The consumer group whose committed offsets say how far delivery has come. Driven by this trigger alone. */
  group: string;
  /**
   * The function's ARN, with a version or alias or without; for a local trigger `<module>.<export>`, as Lambda's
   * `Handler`.
   */
  target: string;
  startingPosition: StartingPosition;
  /** Records an invocation, 1–10,000; default 100. An event is at most 6 MB whatever this says. */
  batchSize: number;
  /** How long to wait for a batch to fill, 0–300 s; default 0: what is there goes at once. */
  batchingWindowMs: number;
  /** Event patterns, one of which must match (OR); none: every record. At most 10. See filter/. */
  filters: readonly string[];
  /** Where records go that were given up; absent: they are counted and logged only. */
  onFailure?: FailureTarget;
  /** Halve a batch that fails, before it is tried again. Halving is not counted among `retryAttempts`. */
  bisectBatchOnError: boolean;
  /** Tries of a batch after the first, 0–10,000; -1: until it succeeds or is too old. Default -1. */
  retryAttempts: number;
  /** A record older than this is given up rather than tried (again), 60 s – 7 days; -1: at any age. Default -1. */
  maxRecordAgeMs: number;
  /** The function's answer may name the first record that failed of each partition: `batchItemFailures`. */
  reportBatchItemFailures: boolean;
  /**
   * Invocations at once for a partition, 1–10; records with equal keys stay in order. Default 1 (mappings: Kinesis
   * only).
   */
  parallelizationFactor: number;
  /**
   * Aggregates over fixed spans of time, 0–900 s; 0: none. With `parallelizationFactor` 1 only (mappings: Kinesis,
   * DynamoDB).
   */
  tumblingWindowMs: number;
  eventShape: EventShape;
  /** Passed as `TenantId` of each invocation, for functions in tenant isolation mode (mappings: not offered). */
  tenantId?: string;
  /** What the function may take, ms: at most 12 minutes, since the dispatcher (15) must outlive it. Default 60 s. */
  timeoutMs: number;
  /** False: nothing is delivered and the place is held. */
  enabled: boolean;
}
