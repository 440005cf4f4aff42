/**
 * What a failed call of `Invoke` says of the function: whether it has run, and whether it will if it is called again.
 *
 * That it has not run is said only where Lambda refused to start it, or no connection came about. An internal error of
 * the service, an answer that did not come and an answer that cannot be read say nothing, since the function may be
 * running.
 */
import type { InvocationResult } from '../ports.ts';

/** Refusals before the function began that pass by themselves, by the names that the API's reference gives them. */
const PASSING = new Set([
  'TooManyRequestsException',
  'ThrottlingException',
  // Something that the function needs is not there yet, or not at the moment.
  'CodeArtifactUserPendingException',
  'EC2ThrottledException',
  'EC2UnexpectedException',
  'EFSMountConnectivityException',
  'EFSMountTimeoutException',
  'ENILimitReachedException',
  'ENINotReadyException',
  'ResourceConflictException',
  'ResourceNotReadyException',
  'S3FilesMountConnectivityException',
  'S3FilesMountTimeoutException',
  'SnapStartNotReadyException',
  'SnapStartRegenerationFailureException',
  'SnapStartTimeoutException',
  'SubnetIPAddressLimitReachedException',
  // The caller's credentials or clock were a moment late; the SDK has others, or knows the time, at the next call.
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidSignatureException',
  'RequestExpired',
]);

/** Refusals that the API gives a status of 5xx although someone has to change something. */
const LASTING = new Set([
  'EC2AccessDeniedException',
  'InvalidRuntimeException',
  'InvalidSecurityGroupIDException',
  'InvalidSubnetIDException',
  'InvalidZipFileException',
  'KMSAccessDeniedException',
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSNotFoundException',
]);

/** The file system failed, maybe under a running function. */
const WHILE_RUNNING = new Set(['EFSIOException']);

const REQUEST_TIMEOUT = 408;

export function invocationFailure(error: unknown): InvocationResult {
  const {
    name = 'Error',
    message = '',
    $metadata,
  } = error as Partial<Error> & { $metadata?: { httpStatusCode?: number } };
  const failure = { error: { kind: name, message } };
  const status = $metadata?.httpStatusCode;
  // Credentials are resolved before anything is sent, and come back only by someone's doing.
  if (name === 'CredentialsProviderError') return { outcome: 'refused', ...failure };
  if (status === undefined) return { outcome: isConnectError(error) ? 'not-run' : 'unknown', ...failure };
  if (PASSING.has(name) || status === 429) return { outcome: 'not-run', ...failure };
  if (LASTING.has(name)) return { outcome: 'refused', ...failure };
  const isRefusal = status >= 400 && status < 500 && status !== REQUEST_TIMEOUT;
  return { outcome: isRefusal && !WHILE_RUNNING.has(name) ? 'refused' : 'unknown', ...failure };
}

function isConnectError(error: unknown): boolean {
  // One attempt for each of a host's addresses.
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isConnectError);
  const { syscall, message } = error as { syscall?: unknown; message?: unknown };
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true;
  // The SDK's connection timeout carries no code; it fires only before the socket is connected.
  return typeof message === 'string' && message.includes('did not establish a connection');
}
