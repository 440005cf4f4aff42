/**
 * Every fault that a caller can see: one table of codes, one error type.
 *
 * Names and numbers are Kafka's (org.apache.kafka.common.protocol.Errors) wherever Kafka has the case; a code of
 * Millrace's own carries the Kafka number that a Kafka client should act on. Doors render errors from this table and
 * hold no other mapping.
 */

import { sentence } from './sentence.ts';

interface ErrorRow {
  /** The number a Kafka client sees. */
  kafkaCode: number;
  /** The HTTP status of the native API. */
  status: number;
  /** True when the same request may succeed later without change. */
  retriable: boolean;
  title: string;
}

const TABLE = {
  UNKNOWN_SERVER_ERROR: row(-1, 500, false, 'Unexpected server error'),
  OFFSET_OUT_OF_RANGE: row(1, 416, false, 'The offset is outside the partition'),
  CORRUPT_MESSAGE: row(2, 422, false, 'A record batch failed its checks'),
  UNKNOWN_TOPIC_OR_PARTITION: row(3, 404, true, 'No such topic or partition'),
  REQUEST_TIMED_OUT: row(7, 503, true, 'The request ran out of time'),
  MESSAGE_TOO_LARGE: row(10, 413, false, 'A record or batch is larger than allowed'),
  OFFSET_METADATA_TOO_LARGE: row(12, 413, false, 'The metadata of a committed offset is larger than allowed'),
  INVALID_TOPIC: row(17, 400, false, 'The topic name is not allowed'),
  NOT_ENOUGH_REPLICAS: row(19, 503, true, 'Fewer replicas are in sync than the topic wants'),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: row(
    20,
    503,
    true,
    'The records were appended, and fewer replicas are in sync than the topic wants',
  ),
  ILLEGAL_GENERATION: row(22, 409, false, 'The generation is not that of the member'),
  INCONSISTENT_GROUP_PROTOCOL: row(23, 409, false, 'The members of the group are of another kind'),
  INVALID_GROUP_ID: row(24, 400, false, 'The group id is not allowed'),
  UNKNOWN_MEMBER_ID: row(25, 409, false, 'The group has no such member'),
  INVALID_SESSION_TIMEOUT: row(26, 400, false, 'The session timeout is not allowed'),
  REBALANCE_IN_PROGRESS: row(27, 409, true, 'The group is being rebalanced'),
  INVALID_TIMESTAMP: row(32, 422, false, 'A timestamp is out of range'),
  TOPIC_ALREADY_EXISTS: row(36, 409, false, 'The topic exists already'),
  INVALID_PARTITIONS: row(37, 400, false, 'The number of partitions is not allowed'),
  INVALID_REPLICATION_FACTOR: row(38, 400, false, 'The replication factor is not allowed'),
  INVALID_CONFIG: row(40, 400, false, 'A config is unknown or has a bad value'),
  INVALID_REQUEST: row(42, 400, false, 'The request is malformed'),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: row(43, 422, false, 'The record format is not supported'),
  POLICY_VIOLATION: row(44, 422, false, 'The request breaks a rule of the deployment'),
  OUT_OF_ORDER_SEQUENCE_NUMBER: row(45, 409, false, 'The sequence number is not the next one'),
  DUPLICATE_SEQUENCE_NUMBER: row(46, 409, false, 'The records were written before, and too long ago to say where'),
  INVALID_PRODUCER_EPOCH: row(47, 403, false, 'The producer epoch is older than the newest one'),
  INVALID_TXN_STATE: row(48, 409, false, 'The transaction is not in a state that allows this'),
  INVALID_PRODUCER_ID_MAPPING: row(49, 409, false, 'The id was not initialized, or not by this principal'),
  INVALID_TRANSACTION_TIMEOUT: row(50, 400, false, 'The transaction timeout is not allowed'),
  CONCURRENT_TRANSACTIONS: row(51, 409, true, 'Another transaction of the transactional id is under way'),
  KAFKA_STORAGE_ERROR: row(56, 503, true, 'Storage is unavailable'),
  NON_EMPTY_GROUP: row(68, 409, false, 'The group has members'),
  GROUP_ID_NOT_FOUND: row(69, 404, false, 'No such group'),
  UNSUPPORTED_COMPRESSION_TYPE: row(76, 422, false, 'The compression type is not supported'),
  MEMBER_ID_REQUIRED: row(79, 409, false, 'The member is to join again with the id that it was given'),
  GROUP_MAX_SIZE_REACHED: row(81, 409, false, 'The group has as many members as it can have'),
  FENCED_INSTANCE_ID: row(82, 409, false, "The instance id is another member's now"),
  INVALID_RECORD: row(87, 422, false, 'A record is not valid'),
  THROTTLING_QUOTA_EXCEEDED: row(89, 429, true, 'Too many requests'),
  PRODUCER_FENCED: row(90, 403, false, 'A newer producer has taken the transactional id over'),
  TRANSACTIONAL_ID_NOT_FOUND: row(105, 404, false, 'No such transactional id'),
  FENCED_MEMBER_EPOCH: row(110, 409, false, 'The member epoch is not the newest one'),
  UNRELEASED_INSTANCE_ID: row(111, 409, false, "The instance id is still another member's"),
  UNSUPPORTED_ASSIGNOR: row(112, 400, false, 'The assignor is not supported'),
  INVALID_RECORD_STATE: row(121, 409, false, 'A record is not in a state that allows this'),
  INVALID_REGULAR_EXPRESSION: row(128, 400, false, 'The topic pattern is not allowed'),
  // Codes of the HTTP door, with the nearest number of Kafka's.
  UNAUTHENTICATED: row(58, 401, false, 'A valid API key is needed'),
  FORBIDDEN: row(29, 403, false, 'The principal may not do this'),
  NOT_FOUND: row(42, 404, false, 'No such resource'),
  METHOD_NOT_ALLOWED: row(42, 405, false, 'The method is not allowed here'),
  NOT_ACCEPTABLE: row(42, 406, false, 'None of the accepted media types is served here'),
  UNSUPPORTED_MEDIA_TYPE: row(42, 415, false, 'The content type or encoding is not supported'),
  REQUEST_TOO_LARGE: row(10, 413, false, 'The request is larger than allowed'),
  REQUEST_NOT_RECEIVED: row(7, 408, true, 'The request did not arrive in time'),
  REQUEST_HEADERS_TOO_LARGE: row(10, 431, false, 'The request headers are larger than allowed'),
  TRIGGER_ALREADY_EXISTS: row(42, 409, false, 'The trigger exists already'),
  OFFSET_MISMATCH: row(45, 412, false, "The partition's next offset is not the expected one"),
} as const satisfies Record<string, ErrorRow>;

function row(kafkaCode: number, status: number, retriable: boolean, title: string): ErrorRow {
  return { kafkaCode, status, retriable, title };
}

export type ErrorCode = keyof typeof TABLE;

/** The table's row of a code. */
export function errorRow(code: ErrorCode): Readonly<ErrorRow> {
  return TABLE[code];
}

/** Every code, for documentation and for tests that go through them all. */
export const ERROR_CODES = Object.keys(TABLE) as ErrorCode[];

/**
 * Whether the failed request may have changed anything: `none` is a promise, `unknown` says that an attempt may still
 * take effect or has taken effect unseen.
 */
export type Effect = 'none' | 'unknown';

/** Facts that some codes carry beside their sentence; all offsets are of the partition the request named. */
export interface ErrorFacts {
  logStartOffset?: number;
  highWatermark?: number;
  nextOffset?: number;
  expectedSequence?: number;
  /** The records at fault, by their places in their batch. */
  records?: readonly { index: number; message: string }[];
  /** How long to wait before a retry, in milliseconds. */
  retryAfterMs?: number;
  /** The request's field at fault, as a path into the body or a parameter's name. */
  field?: string;
  /** The topic is there, and has no such partition. */
  unknownPartition?: number;
}

/**
 * A fault with a code from the table. `detail` is a sentence for the caller: it names the offending thing and what is
 * allowed, and never anything internal. It is made one here (see `sentence`) where it was put together from parts.
 */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: ErrorCode;
  readonly effect: Effect;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, detail: string, options: { effect?: Effect; facts?: ErrorFacts; cause?: unknown } = {}) {
    super(sentence(detail), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.effect = options.effect ?? 'none';
    this.facts = options.facts ?? {};
  }

  get retriable(): boolean {
    return TABLE[this.code].retriable;
  }
}

/** The same fault with another word on what was done. What is none of Millrace's errors stays as it is. */
export function withEffect(error: MillraceError, effect: Effect): MillraceError;
export function withEffect(error: unknown, effect: Effect): unknown;
export function withEffect(error: unknown, effect: Effect): unknown {
  if (!(error instanceof MillraceError) || error.effect === effect) return error;
  return new MillraceError(error.code, error.message, { effect, facts: error.facts, cause: error });
}
