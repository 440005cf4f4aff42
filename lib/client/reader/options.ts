/** What a partition reader can be told, and what it does when it is not. */
import { clientLimits } from '../../kernel/limits/client.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { numbersOf, oneOf } from '../check-options.ts';
import { DIRECT_NUMBERS, type DirectReadingOptions, directOf } from '../direct/options.ts';
import type { FetchPosition } from '../fetch.ts';
import { type ContentForm, ENCODING_OF } from '../records.ts';

export interface ReaderOptions<Form extends ContentForm> extends FetchPosition, DirectReadingOptions {
  /** Of keys and values, as for `fetch`. */
  as?: Form;
  /**
   * `true` (default): waits for what will be written. `false`: ends where the partition ended when the reader began.
   */
  follow?: boolean;
  /** Of one ordinary fetch, as for `fetch`. */
  maxRecords?: number;
  maxBytes?: number;
  /** How long the server waits for records before it is asked again. Default 10,000. */
  waitMs?: number;
  /** Ends the iteration; what is under way is given up. */
  signal?: AbortSignal;
}

const NUMBERS = {
  ...DIRECT_NUMBERS,
  maxRecords: { value: requestLimits.fetchRecordsDefault, min: 1, max: requestLimits.fetchRecordsMax },
  maxBytes: { value: requestLimits.fetchBytesDefault, min: 1, max: requestLimits.fetchBytesMax },
  waitMs: { value: clientLimits.clientPollWaitMsDefault, min: 0, max: requestLimits.fetchWaitMsMax },
} as const;

const OTHERS = ['offset', 'timestamp', 'as', 'follow', 'direct', 'onFallback', 'signal'] as const;

export interface ReaderSettings extends Readonly<Record<keyof typeof NUMBERS, number>> {
  position: FetchPosition;
  as: ContentForm;
  follow: boolean;
  direct: 'auto' | 'never';
  onFallback?: (error: unknown) => void;
  signal?: AbortSignal;
}

/**
 * Throws `TypeError` for an option that there is not or that is of another kind, `RangeError` for a number out of
 * range.
 */
export function readerSettings(options: ReaderOptions<ContentForm>): ReaderSettings {
  const names: string[] = [...Object.keys(NUMBERS), ...OTHERS];
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`there is no reader option "${unknown}"; there are ${names.toSorted().join(', ')}`);
  }
  const { offset, timestamp, as = 'text', follow = true, direct, onFallback, signal } = options;
  if (offset !== undefined && timestamp !== undefined) {
    throw new TypeError('one of offset and timestamp may be given');
  }
  if (typeof offset === 'number' && (!Number.isSafeInteger(offset) || offset < 0)) {
    throw new RangeError(`${offset} is not an offset`);
  }
  if (typeof follow !== 'boolean') throw new TypeError('follow must be true or false');
  return {
    ...numbersOf(NUMBERS, options),
    position: timestamp === undefined ? { offset: offset ?? 'earliest' } : { timestamp },
    as: oneOf('as', as, Object.keys(ENCODING_OF) as ContentForm[]),
    follow,
    direct: directOf(direct),
    onFallback: callbackOf(onFallback),
    signal,
  };
}

function callbackOf(onFallback: ReaderSettings['onFallback']): ReaderSettings['onFallback'] {
  if (onFallback === undefined || typeof onFallback === 'function') return onFallback;
  throw new TypeError('onFallback must be a function');
}
