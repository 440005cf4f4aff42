/** A destination did not take a failed batch, which keeps its place until it does. */
export class DestinationError extends Error {
  override readonly name = 'DestinationError';
  readonly reason: DestinationFailure;

  constructor(reason: DestinationFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

export type DestinationFailure =
  /** A permission is missing: of the destination's policy, of the role, or of a key of KMS. */
  | 'denied'
  /** There is no such queue, topic or bucket. */
  | 'missing'
  /** It refuses what it was sent. */
  | 'rejected'
  /** It may take it later; or it did, and the answer was lost. */
  | 'unavailable';

const FORBIDDEN = 403;
const NOT_FOUND = 404;

/** What an error of the SDK's clients for SQS, SNS and S3 says. */
export function destinationError(error: unknown, destination: string): DestinationError {
  const {
    name = 'Error',
    message = '',
    $metadata,
  } = error as Partial<Error> & { $metadata?: { httpStatusCode?: number } };
  const reason = reasonOf(name, $metadata?.httpStatusCode);
  return new DestinationError(reason, `${destination} has not taken a failed batch (${name}): ${message}`, error);
}

function reasonOf(name: string, status: number | undefined): DestinationFailure {
  // SQS answers these two with status 400.
  if (/AccessDenied|AuthorizationError|CredentialsProviderError/.test(name) || status === FORBIDDEN) return 'denied';
  if (/QueueDoesNotExist|NonExistentQueue|NoSuchBucket|NotFound/.test(name) || status === NOT_FOUND) return 'missing';
  // Queues and topics with keys of KMS: what is not throttled is a key or a permission that is not there.
  if (/^KMS|^Kms/.test(name)) return /Throttl/i.test(name) ? 'unavailable' : 'denied';
  const isRefusal = status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
  return isRefusal && !/Throttl|SlowDown/i.test(name) ? 'rejected' : 'unavailable';
}
