import type { Duration } from 'aws-cdk-lib';
import type { IEventSourceDlq, StartingPosition } from 'aws-cdk-lib/aws-lambda';

/**
 * The names and meanings are those of CDK's event sources for Kafka (`ManagedKafkaEventSourceProps`), where these have
 * one; what they do not offer is said.
 */
export interface MillraceEventSourceProps {
  /** The topic; or `topics`, or `topicPattern`. */
  readonly topic?: string;
  /** Several topics, which CDK's event sources do not offer. */
  readonly topics?: readonly string[];
  /** All topics whose names match this regular expression, later ones too. CDK's event sources do not offer it. */
  readonly topicPattern?: string;
  /** Where a partition begins of which the group has committed nothing. */
  readonly startingPosition: StartingPosition;
  /** With AT_TIMESTAMP: in Unix time seconds. */
  readonly startingPositionTimestamp?: number;
  /** 1 to 10,000. Default 100. */
  readonly batchSize?: number;
  /** How long to wait for a batch to fill, at most 5 minutes. Default: not at all. */
  readonly maxBatchingWindow?: Duration;
  /**
   * The group whose committed offsets say how far delivery has come; no other trigger or member may use it. Default:
   * the name.
   */
  readonly consumerGroupId?: string;
  /**
   * Patterns of `FilterCriteria.filter`, one of which must match, at most 10; on key, headers and topic too, not only
   * the value.
   */
  readonly filters?: readonly Record<string, unknown>[];
  /**
   * Where records go that are given up: `SqsDlq`, `SnsDlq`, `S3OnFailureDestination`, or `KafkaDlq` for a topic of this
   * backend.
   */
  readonly onFailure?: IEventSourceDlq;
  /** Halve a batch that fails, before it is tried again. Default false. */
  readonly bisectBatchOnError?: boolean;
  /** Tries of a batch after the first, up to 10,000; -1 as long as it is there. Default -1. */
  readonly retryAttempts?: number;
  /** Records older than this are given up, 60 seconds to 7 days. Default: none is too old. */
  readonly maxRecordAge?: Duration;
  /** The function's answer may say which records failed: `batchItemFailures`. Default false. */
  readonly reportBatchItemFailures?: boolean;
  /** False holds the place and delivers nothing. Default true. */
  readonly enabled?: boolean;
  /** Invocations at once for a partition, 1 to 10, records of one key in order. Default 1. As for Kinesis. */
  readonly parallelizationFactor?: number;
  /** State carried from one invocation to the next over spans of this length, up to 15 minutes. As for Kinesis. */
  readonly tumblingWindow?: Duration;
  /** Passed with each invocation, to a function in tenant isolation mode. */
  readonly tenantId?: string;
  /** Which Kafka the event says it is from. Default `msk`: `aws:kafka`; `self-managed`: `SelfManagedKafka`. */
  readonly eventShape?: 'msk' | 'self-managed';
  /** Of the trigger, 1 to 64 letters, digits, `.`, `_` and `-`. Default: made of where the function is in the app. */
  readonly name?: string;
  /**
   * What the function may take, where its construct does not say: one that is imported, or behind an alias that is. At
   * most 12 minutes, since the dispatcher must outlive it. Default: the function's own; 60 seconds where that is not
   * known.
   */
  readonly functionTimeout?: Duration;
}
