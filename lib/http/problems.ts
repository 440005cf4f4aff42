/**
 * Every error of the HTTP API, as `application/problem+json` (RFC 9457). This file and the kernel's error table are the
 * only mapping there is.
 */
import { toHex } from '../kernel/bytes.ts';
import { type Effect, type ErrorCode, errorRow, MillraceError } from '../kernel/errors.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import type { Random } from '../kernel/random.ts';
import { COMMON_HEADERS } from './answer.ts';

export const PROBLEM_TYPE = 'application/problem+json';

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  kafka_code: number;
  retriable: boolean;
  effect: Effect;
  field?: string;
  log_start_offset?: number;
  high_watermark?: number;
  next_offset?: number;
  expected_seq?: number;
  /** Of a 500 only: what the log has it under. */
  id?: string;
}

export function problemOf(error: MillraceError): Problem {
  const { code, facts } = error;
  const row = errorRow(code);
  const problem: Problem = {
    type: `urn:millrace:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title: row.title,
    status: row.status,
    detail: error.message,
    code,
    kafka_code: row.kafkaCode,
    retriable: row.retriable,
    effect: error.effect,
  };
  if (facts.field !== undefined) problem.field = facts.field;
  if (facts.logStartOffset !== undefined) problem.log_start_offset = facts.logStartOffset;
  if (facts.highWatermark !== undefined) problem.high_watermark = facts.highWatermark;
  if (facts.nextOffset !== undefined) problem.next_offset = facts.nextOffset;
  if (facts.expectedSequence !== undefined) problem.expected_seq = facts.expectedSequence;
  return problem;
}

/** The answer of a request that failed. `headers` are added to what the error itself asks for. */
export function problemAnswer(error: MillraceError, headers: Record<string, string> = {}): Response {
  return problemResponse(problemOf(error), { ...headersOf(error), ...headers });
}

/**
 * Where something threw that is not a `MillraceError`: a bug. The answer says nothing but the id under which the log
 * has it.
 */
export function bugProblem(random: Random): Problem & { id: string } {
  const id = toHex(random.bytes(8));
  const error = new MillraceError('UNKNOWN_SERVER_ERROR', `The server failed; its log has the reason under ${id}.`, {
    effect: 'unknown',
  });
  return { ...problemOf(error), id };
}

export function problemResponse(problem: Problem, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'Content-Type': PROBLEM_TYPE, ...COMMON_HEADERS, ...headers },
  });
}

/** The headers that go with an error: when to come back, and how to authenticate. */
export function headersOf(error: MillraceError): Record<string, string> {
  const headers: Record<string, string> = {};
  const { status } = errorRow(error.code);
  if (status === 429 || status === 503) {
    headers['Retry-After'] = String(Math.ceil((error.facts.retryAfterMs ?? requestLimits.retryAfterMsDefault) / 1_000));
  }
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer realm="millrace", Basic realm="millrace", charset="UTF-8"';
  return headers;
}

export function malformedRequest(detail: string): MillraceError {
  return new MillraceError('INVALID_REQUEST', detail);
}

/**
 * `what` goes on from the field's name: "must be a whole number". An empty field is the whole body, which has no name.
 */
export function malformedField(field: string, what: string): MillraceError {
  if (field === '') return malformedRequest(`the body ${what}`);
  return new MillraceError('INVALID_REQUEST', `${field} ${what}.`, { facts: { field } });
}

/** `allowed` names the fields that are known at this place. */
export function unknownField(field: string, allowed: readonly string[]): MillraceError {
  const known = allowed.length === 0 ? 'there are none here' : `there are ${allowed.join(', ')}`;
  return new MillraceError('INVALID_REQUEST', `${field} is not a known field; ${known}.`, { facts: { field } });
}
