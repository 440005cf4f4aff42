/**
 * Reading one range of an object by its URL: all of it and unchanged, or a failure that says which offsets are
 * concerned.
 */
import type { Clock } from '../../kernel/clock.ts';
import { crc32c } from '../../kernel/crc32c.ts';
import { MillraceClientError } from '../errors.ts';
import type { PlannedRange } from './plan.ts';

export type RangeReader = (range: PlannedRange, signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>;

export interface RangeReaderOptions {
  fetch: typeof globalThis.fetch;
  /** For one range, from the request to its last byte. */
  requestMsMax: number;
  clock: Clock;
}

/**
 * Of failures of any kind the caller asks for a new plan, so that there is one error for all; the message says more.
 */
export function rangeReader({ fetch, requestMsMax, clock }: RangeReaderOptions): RangeReader {
  return async (range, signal) => {
    const late = new AbortController();
    const ended = new AbortController();
    void clock.sleep(requestMsMax, ended.signal).then(() => {
      if (!ended.signal.aborted) late.abort();
    });
    try {
      const response = await fetch(range.url, {
        headers: range.headers,
        // The signature is the permission.
        credentials: 'omit',
        signal: AbortSignal.any([signal, late.signal]),
      });
      return await bytesOf(response, range);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (cause instanceof MillraceClientError) throw cause;
      throw failure(range, `no whole answer came${late.signal.aborted ? ' in time' : ''}`, cause);
    } finally {
      ended.abort(null);
    }
  };
}

async function bytesOf(response: Response, range: PlannedRange): Promise<Uint8Array<ArrayBuffer>> {
  // 200: whoever is in between has cut the range out, as a cache may that has the URL as its key.
  if (response.status !== 206 && response.status !== 200) {
    await response.body?.cancel();
    throw failure(range, `the status is ${response.status}`);
  }
  const bytes = new Uint8Array(range.bytes);
  let filled = 0;
  let checksum = 0;
  // Not `for await`, which not every browser has for streams.
  const reader = response.body?.getReader();
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    // Not more than was announced, whatever comes: that is what memory was kept for.
    if (filled + read.value.length > bytes.length) {
      await reader?.cancel();
      throw failure(range, `more than ${range.bytes} bytes came`);
    }
    // As they come, while they are in the processor's caches: looking at all of them afterwards takes longer.
    checksum = crc32c(read.value, 0, read.value.length, checksum);
    bytes.set(read.value, filled);
    filled += read.value.length;
  }
  if (filled < bytes.length) throw failure(range, `${filled} of ${range.bytes} bytes came`);
  if (checksum !== range.crc32c) throw failure(range, 'the bytes do not have the checksum of the plan');
  return bytes;
}

/** Without the URL: its signature would be in logs, and whoever has it can read the range. */
function failure({ baseOffset, lastOffset }: PlannedRange, reason: string, cause?: unknown): MillraceClientError {
  const detail = `reading the offsets ${baseOffset} to ${lastOffset} from the bucket: ${reason}`;
  return new MillraceClientError('NETWORK_ERROR', detail, { retriable: true, effect: 'none', cause });
}
