/**
 * Every error that a Kafka client sees: the kernel's table has the numbers; this file has those that only the wire
 * protocol knows (org.apache.kafka.common.protocol.Errors), and is the only mapping there is.
 */
import { type ErrorCode, errorRow, MillraceError } from '../kernel/errors.ts';
import { WireFormatError } from './codec/wire-format-error.ts';

export const NONE = 0;

/** Kafka's codes of cases that no other door has. */
export const wireCodes = {
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_REQUIRED_ACKS: 21,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  UNSUPPORTED_SASL_MECHANISM: 33,
  ILLEGAL_SASL_STATE: 34,
  UNSUPPORTED_VERSION: 35,
  INVALID_REPLICA_ASSIGNMENT: 39,
  NOT_CONTROLLER: 41,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  SECURITY_DISABLED: 54,
  OPERATION_NOT_ATTEMPTED: 55,
  SASL_AUTHENTICATION_FAILED: 58,
  FETCH_SESSION_ID_NOT_FOUND: 70,
  INVALID_FETCH_SESSION_EPOCH: 71,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  GROUP_SUBSCRIBED_TO_TOPIC: 86,
  UNKNOWN_TOPIC_ID: 100,
  INCONSISTENT_TOPIC_ID: 103,
  STALE_MEMBER_EPOCH: 113,
  MISMATCHED_ENDPOINT_TYPE: 114,
  UNSUPPORTED_ENDPOINT_TYPE: 115,
  TRANSACTION_ABORTABLE: 120,
  SHARE_SESSION_NOT_FOUND: 122,
  INVALID_SHARE_SESSION_EPOCH: 123,
  SHARE_SESSION_LIMIT_REACHED: 133,
} as const;

export interface Failure {
  code: number;
  /** A sentence for the client's log, where the answer has room for it. */
  message: string;
}

export function failureWith(code: ErrorCode, message: string): Failure {
  return { code: errorRow(code).kafkaCode, message };
}

export const UNKNOWN_TOPIC = failureWith('UNKNOWN_TOPIC_OR_PARTITION', 'There is no such topic.');
export const UNKNOWN_TOPIC_ID: Failure = { code: wireCodes.UNKNOWN_TOPIC_ID, message: 'No topic has this id.' };

/** What a caller can cause, or storage. Anything else is a bug, and thrown on. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof MillraceError)) throw error;
  return { code: errorRow(error.code).kafkaCode, message: error.message };
}

/** Storage was slow, busy or away: the same request is to be sent again. */
const BUSY: ReadonlySet<number> = new Set(
  (['REQUEST_TIMED_OUT', 'KAFKA_STORAGE_ERROR', 'THROTTLING_QUOTA_EXCEEDED', 'NOT_ENOUGH_REPLICAS'] as const).map(
    (code) => errorRow(code).kafkaCode,
  ),
);

export function isBusy({ code }: Failure): boolean {
  return BUSY.has(code);
}

/** The same failure by the code that its clients try again after. */
export function coded({ message }: Failure, code: ErrorCode): Failure {
  return failureWith(code, message);
}

/**
 * What readers of records are told. They know quotas by throttle times only, and Java's consumers end at a code that
 * they do not expect; that storage is away makes all of them try again.
 */
export function toldOfReading(failure: Failure): Failure {
  return isBusy(failure) ? coded(failure, 'KAFKA_STORAGE_ERROR') : failure;
}

/** The same for those who write records. Old ones do not send them again after every code that is retriable by now. */
export function toldOfWriting(failure: Failure): Failure {
  return isBusy(failure) ? coded(failure, 'NOT_ENOUGH_REPLICAS') : failure;
}

/**
 * Nothing is wrong with the request, or with its bytes: the client cannot be told what went wrong but by the end of its
 * connection.
 */
export class UnanswerableError extends WireFormatError {
  readonly failure: Failure;

  constructor(message: string, failure: Failure) {
    super(message);
    this.failure = failure;
  }
}

/**
 * For an answer that has no place for a failure, and would say without it that there is nothing at all. The connection
 * is closed, after which every client asks again.
 */
export function unanswerable(failure: Failure): never {
  throw new UnanswerableError(`the answer has no place for what went wrong: ${failure.message}`, failure);
}
