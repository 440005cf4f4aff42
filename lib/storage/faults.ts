/**
 * The one place where errors of AWS's SDK, of files and of SQLite become `MillraceError`s.
 *
 * The question that matters for every failed write is whether it may have been applied. The answer `effect: 'none'` is
 * given only where it is certain: the service itself refused the request, or no connection came about. Everything else
 * (a timeout, a connection lost after sending, a 5xx) is `unknown`.
 */
import { MalformedBytesError } from '../kernel/bytes.ts';
import { type Effect, MillraceError } from '../kernel/errors.ts';
import { storageLimits } from '../kernel/limits/storage.ts';
import { capitalized } from '../kernel/sentence.ts';

/** What a failed call of an AWS service says. */
export interface AwsFailure {
  /** The service's or the platform's name for the error. */
  name: string;
  throttled: boolean;
  /** The same call may succeed later. */
  transient: boolean;
  /** The request certainly changed nothing and never will. */
  nothingHappened: boolean;
}

const THROTTLES = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'ThrottlingError',
  'TooManyRequestsException',
]);

/** Refusals that pass by themselves. A transaction conflict: another transaction holds the item for a moment. */
const PASSING = new Set(['TransactionConflictException', 'TransactionConflict', 'RequestTimeout', 'OperationAborted']);

/** The code's own mistakes, as opposed to a table, bucket or permission that is missing. */
const MISTAKES = new Set([
  'ValidationException',
  'SerializationException',
  'InvalidArgument',
  'IdempotentParameterMismatchException',
]);

/** `undefined` for an error that is neither the service's nor the network's, but ours. */
export function awsFailure(error: unknown): AwsFailure | undefined {
  const { name = 'Error', code, $metadata } = error as { name?: string; code?: unknown; $metadata?: AwsMetadata };
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return isOurs(error) ? undefined : networkFailure(error as Error, name, code);
  // The earlier attempt with this token is still running: it, not this one, may yet be applied.
  if (name === 'TransactionInProgressException') {
    return { name, throttled: false, transient: true, nothingHappened: false };
  }
  const throttled = THROTTLES.has(name) || status === 429;
  if (throttled) return { name, throttled, transient: true, nothingHappened: true };
  // An answer of success that can't be read says nothing of what happened either.
  if (status >= 500 || status < 400) return { name, throttled, transient: true, nothingHappened: false };
  const transient = PASSING.has(name) || $metadata?.clockSkewCorrected === true;
  return { name, throttled, transient, nothingHappened: true };
}

/** Some of Node's own complaints about arguments carry a code, as the errors of the network do. */
function isOurs(error: unknown): boolean {
  return error instanceof MillraceError || error instanceof TypeError || error instanceof RangeError;
}

/** The answer never came, or its body ended early. */
function networkFailure(error: Error, name: string, code: unknown): AwsFailure | undefined {
  // Credentials are resolved before anything is sent, and come back only by someone's doing.
  if (name === 'CredentialsProviderError') return { name, throttled: false, transient: false, nothingHappened: true };
  const text = typeof code === 'string' ? code : name;
  if (isConnectError(error)) return { name: text, throttled: false, transient: true, nothingHappened: true };
  if (typeof code !== 'string' && name !== 'TimeoutError') return undefined;
  return { name: text, throttled: false, transient: true, nothingHappened: false };
}

interface AwsMetadata {
  httpStatusCode?: number;
  /** The SDK has learnt the service's time from the refusal; the next signature will be right. */
  clockSkewCorrected?: boolean;
}

/**
 * The fault of a call that `what` describes ("a write to DynamoDB"). For a call that changes nothing, or changes it to
 * the same however often it is repeated, `effect` is `none` whatever happened. Bugs stay as they are.
 */
export function awsFault(error: unknown, what: string, harmless: boolean): unknown {
  const failure = awsFailure(error);
  if (failure === undefined) return error;
  const { name, throttled, nothingHappened } = failure;
  const effect: Effect = harmless || nothingHappened ? 'none' : 'unknown';
  if (throttled) {
    const facts = { retryAfterMs: storageLimits.storageRetryPauseMsMax };
    return new MillraceError('THROTTLING_QUOTA_EXCEEDED', `${capitalized(what)} was throttled (${name}).`, {
      effect,
      facts,
      cause: error,
    });
  }
  const code = MISTAKES.has(name) ? 'UNKNOWN_SERVER_ERROR' : 'KAFKA_STORAGE_ERROR';
  return new MillraceError(code, `${capitalized(what)} failed (${name}).`, { effect, cause: error });
}

/**
 * Sentences for the SQLite result codes, extended or not, that someone can act on. Source: "Result and Error Codes" of
 * SQLite.
 */
const SQLITE_REASONS: Record<number, string> = {
  5: 'it is in use by another process',
  6: 'a table in it is locked',
  8: 'it is read-only',
  [8 | (4 << 8)]: 'it was moved or removed while it was open',
  10: 'reading or writing it failed',
  11: 'it is damaged',
  13: 'the disk is full',
  14: 'there is no such file or directory, or it may not be opened',
  15: 'it is locked in a way that can not be used',
  23: 'it may not be opened',
  26: 'it is not a SQLite database',
};

/**
 * The fault of `what`, such as "the metadata file x can't be opened". Errors that are not SQLite's stay as they are.
 */
export function sqliteFault(error: unknown, what: string, effect: Effect = 'none'): unknown {
  if (error instanceof MalformedBytesError) {
    return new MillraceError('KAFKA_STORAGE_ERROR', `${capitalized(what)}: an item in it is damaged.`, {
      effect,
      cause: error,
    });
  }
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (code !== 'ERR_SQLITE_ERROR' || typeof errcode !== 'number') return error;
  const reason = SQLITE_REASONS[errcode] ?? SQLITE_REASONS[errcode & 0xff] ?? `SQLite's code ${errcode}`;
  return new MillraceError('KAFKA_STORAGE_ERROR', `${capitalized(what)}: ${reason}.`, { effect, cause: error });
}

/** The fault of a file operation that `what` describes. Errors that are not the system's stay as they are. */
export function fileFault(error: unknown, what: string): unknown {
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (typeof code !== 'string' || typeof syscall !== 'string') return error;
  return new MillraceError('KAFKA_STORAGE_ERROR', `${capitalized(what)} failed: ${FILE_REASONS[code] ?? code}.`, {
    cause: error,
  });
}

const FILE_REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  EROFS: 'the file system is read-only',
  // The files themselves are made, or asked for: what is missing is what they are in.
  ENOENT: 'its directory is gone',
  ENOTDIR: 'a part of its path is no directory',
  ESTALE: 'the network file system has lost it',
  EIO: 'the disk failed',
};

/** Whether the connection was never made, so that nothing was sent. */
function isConnectError(error: unknown): boolean {
  // One attempt for each of a host's addresses.
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isConnectError);
  const { syscall, message } = error as { syscall?: unknown; message?: unknown };
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true;
  // The SDK's connection timeout carries no code; it fires only before the socket is connected.
  return typeof message === 'string' && message.includes('did not establish a connection');
}
