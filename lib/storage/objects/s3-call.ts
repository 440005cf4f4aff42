/** One call of S3, repeated as long as it may pass and there is time. */
import type { Clock } from '../../kernel/clock.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import type { Random } from '../../kernel/random.ts';
import { awsFailure, awsFault } from '../faults.ts';
import { withRetries } from '../retry.ts';

export interface S3Calling {
  clock: Clock;
  random: Random;
  /** How long a call may take with all its attempts. */
  callMsMax?: number;
}

/** What the client's `send` is to be given. */
interface SendOptions {
  abortSignal: AbortSignal;
  /** Of one attempt, in place of the client's. */
  requestTimeout?: number;
}

/** Makes the call as often as it takes, and throws what it comes to as a `MillraceError` that names `what`. */
export async function callS3<T>(
  { clock, random, callMsMax = storageLimits.objectCallMsMax }: S3Calling,
  what: string,
  send: (options: SendOptions) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const done = new AbortController();
  void clock.sleep(callMsMax, done.signal).then(() => {
    if (!done.signal.aborted) late.abort();
  });
  const mayRepeat = (error: unknown) => !late.signal.aborted && awsFailure(error)?.transient === true;
  try {
    return await withRetries(() => send({ abortSignal: late.signal }), { clock, random, mayRepeat });
  } catch (error) {
    const isLate = late.signal.aborted && error instanceof Error && error.name === 'AbortError';
    throw awsFault(isLate ? new LateError(`no answer within ${callMsMax} ms`) : error, what, true);
  } finally {
    done.abort();
  }
}

/** The same for a call in which S3 itself moves a large object's bytes. */
export function callS3ForLong<T>(
  calling: S3Calling,
  what: string,
  send: (options: SendOptions) => Promise<T>,
): Promise<T> {
  const callMsMax = Math.max(storageLimits.objectAssemblyMsMax, calling.callMsMax ?? 0);
  return callS3({ ...calling, callMsMax }, what, (options) => send({ ...options, requestTimeout: callMsMax }));
}

/** S3's name for the fault. */
export function causeName(error: unknown): string | undefined {
  return error instanceof Error && error.cause instanceof Error ? error.cause.name : undefined;
}

/** The call's time was over. */
class LateError extends Error {
  /** The name of the SDK's own error of a timeout, so that it is judged like one. */
  override readonly name = 'TimeoutError';
}
