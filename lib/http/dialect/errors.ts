/**
 * Errors as the dialect has them: `{error_code, message}`. The code is one of Confluent's five digits where they have
 * one for the case, which begin with the status, and the status itself elsewhere. The sentence is the native API's.
 */
import { type ErrorCode, errorRow, MillraceError } from '../../kernel/errors.ts';
import { COMMON_HEADERS } from '../answer.ts';
import { headersOf } from '../problems.ts';

/** An error that the native API does not have, or calls something else. */
export class DialectError extends Error {
  override readonly name = 'DialectError';
  readonly code: number;

  constructor(code: number, detail: string) {
    super(detail);
    this.code = code;
  }
}

const PARTITION_NOT_FOUND = 40402;
export const INSTANCE_EXISTS = 40902;
export const ILLEGAL_STATE = 40903;
export const FORMAT_MISMATCH = 40601;
export const INVALID_CONSUMER_CONFIG = 42204;

/** Confluent's, for what has a name there; and 422 for what the native API calls malformed. */
const CODES: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 40101,
  FORBIDDEN: 40301,
  UNKNOWN_TOPIC_OR_PARTITION: 40401,
  // Nothing else of the dialect is looked for by a name.
  NOT_FOUND: 40403,
  REQUEST_NOT_RECEIVED: 40801,
  INVALID_REQUEST: 422,
  INVALID_TOPIC: 422,
  INVALID_PARTITIONS: 422,
  INVALID_REPLICATION_FACTOR: 422,
  INVALID_CONFIG: 422,
  INVALID_GROUP_ID: 422,
  INVALID_REGULAR_EXPRESSION: 422,
};

/** What Confluent says of a record that was not written: 50003 where the same may succeed later. */
const RECORD_RETRIABLE = 50003;

function codeOf(error: MillraceError | DialectError): number {
  if (error instanceof DialectError) return error.code;
  if (error.facts.unknownPartition !== undefined) return PARTITION_NOT_FOUND;
  return CODES[error.code] ?? errorRow(error.code).status;
}

/** The code of one record's error, inside of an answer that went well as a whole. Its topic is there. */
export function recordCodeOf(error: MillraceError): number {
  if (error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return PARTITION_NOT_FOUND;
  const code = codeOf(error);
  return code === 503 ? RECORD_RETRIABLE : code;
}

function statusOf(code: number): number {
  return code < 1_000 ? code : Math.floor(code / 100);
}

export function errorAnswer(
  error: MillraceError | DialectError,
  type: string,
  more: Record<string, string> = {},
): Response {
  const code = codeOf(error);
  const headers = error instanceof MillraceError ? headersOf(error) : {};
  return new Response(JSON.stringify({ error_code: code, message: error.message }), {
    status: statusOf(code),
    headers: { 'Content-Type': type, ...COMMON_HEADERS, ...headers, ...more },
  });
}
