/**
 * The one error type of the client: whatever goes wrong between a call and its answer, and what that means for the
 * data.
 */
import { type Effect, ERROR_CODES, type ErrorCode, type ErrorFacts } from '../kernel/errors.ts';
import { sentence } from '../kernel/sentence.ts';

/**
 * The API's codes (see docs/http-api.md), and those that only a client can see: `NETWORK_ERROR` (no answer, or not all
 * of it), `UNEXPECTED_ANSWER` (an answer that is not the API's, such as a proxy's error page), of a producer
 * `DELIVERY_TIMEOUT`, `BUFFER_FULL`, `PARTITIONER_FAILED` and `PRODUCER_CLOSED`, and of a consumer
 * `DESERIALIZATION_FAILED`, `PARTITION_NOT_ASSIGNED` and `CONSUMER_CLOSED`.
 */
export type ClientErrorCode =
  | ErrorCode
  | 'NETWORK_ERROR'
  | 'UNEXPECTED_ANSWER'
  | 'DELIVERY_TIMEOUT'
  | 'BUFFER_FULL'
  | 'PARTITIONER_FAILED'
  | 'PRODUCER_CLOSED'
  | 'DESERIALIZATION_FAILED'
  | 'PARTITION_NOT_ASSIGNED'
  | 'CONSUMER_CLOSED';

/** The body of an error answer, `application/problem+json`. */
export interface Problem {
  title?: string;
  status: number;
  detail?: string;
  code: string;
  retriable: boolean;
  effect: Effect;
  field?: string;
  log_start_offset?: number;
  high_watermark?: number;
  next_offset?: number;
  expected_seq?: number;
  id?: string;
}

/** What the API, or the way to it, refused. */
export class MillraceClientError extends Error {
  override readonly name = 'MillraceClientError';
  readonly code: ClientErrorCode;
  /** The HTTP status; `undefined` where there was no answer. */
  readonly status: number | undefined;
  /** True when the same request may succeed later without change. */
  readonly retriable: boolean;
  /** `none` is a promise that nothing has changed; `unknown` says that the request may have taken effect. */
  readonly effect: Effect;
  /** Offsets, the field at fault, and how long to wait, where the API says them. */
  readonly facts: ErrorFacts;

  constructor(
    code: ClientErrorCode,
    detail: string,
    options: { status?: number; retriable: boolean; effect: Effect; facts?: ErrorFacts; cause?: unknown },
  ) {
    super(sentence(detail), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status;
    this.retriable = options.retriable;
    this.effect = options.effect;
    this.facts = options.facts ?? {};
  }
}

/** The error that a problem of the API stands for. */
export function errorOf(problem: Problem, retryAfterMs?: number): MillraceClientError {
  const known = (ERROR_CODES as readonly string[]).includes(problem.code);
  const detail = problem.detail ?? problem.title ?? problem.code;
  const facts: ErrorFacts = {};
  if (problem.log_start_offset !== undefined) facts.logStartOffset = problem.log_start_offset;
  if (problem.high_watermark !== undefined) facts.highWatermark = problem.high_watermark;
  if (problem.next_offset !== undefined) facts.nextOffset = problem.next_offset;
  if (problem.expected_seq !== undefined) facts.expectedSequence = problem.expected_seq;
  if (problem.field !== undefined) facts.field = problem.field;
  if (retryAfterMs !== undefined) facts.retryAfterMs = retryAfterMs;
  return new MillraceClientError(
    known ? (problem.code as ErrorCode) : 'UNEXPECTED_ANSWER',
    known ? detail : `${problem.code}: ${detail}`,
    {
      status: problem.status,
      retriable: problem.retriable,
      effect: problem.effect,
      facts,
    },
  );
}

export function isProblem(value: unknown): value is Problem {
  if (typeof value !== 'object' || value === null) return false;
  const { code, retriable, effect, status } = value as Record<string, unknown>;
  return (
    typeof code === 'string' &&
    typeof status === 'number' &&
    typeof retriable === 'boolean' &&
    (effect === 'none' || effect === 'unknown')
  );
}
