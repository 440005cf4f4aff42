/**
 * The memory of a producer: records that are sent and not settled, by their bytes. What finds no room waits its turn,
 * first come first served, so that records keep their order, or is refused, as `whenFull` says.
 */
import type { Clock } from '../../kernel/clock.ts';
import { clientLimits } from '../../kernel/limits/client.ts';
import { MillraceClientError } from '../errors.ts';
import type { BufferedRecord } from './record.ts';

export interface BufferOptions {
  bytesMax: number;
  whenFull: 'wait' | 'reject';
  waitMsMax: number;
  clock: Clock;
  /** There is room, and it is taken. */
  admit: (record: BufferedRecord) => void;
  refuse: (record: BufferedRecord, error: MillraceClientError) => void;
}

export class RecordBuffer {
  private readonly options: BufferOptions;
  private taken = 0;
  private waiting: BufferedRecord[] = [];
  /** How many of `waiting`, from its front, wait no more. */
  private served = 0;
  private serving = false;
  /** While the waiting time of the front is watched; aborted when nobody waits. */
  private watching: AbortController | undefined;

  constructor(options: BufferOptions) {
    this.options = options;
  }

  /** Admits the record, now or later, or refuses it. */
  offer(record: BufferedRecord): void {
    const { bytesMax, whenFull, admit, refuse } = this.options;
    if (record.bytes > bytesMax) {
      refuse(record, bufferFull(`a record of ${record.bytes} bytes never fits a buffer of ${bytesMax}`, false));
    } else if (this.waitingCount === 0 && this.taken + record.bytes <= bytesMax) {
      this.taken += record.bytes;
      admit(record);
    } else if (whenFull === 'reject') {
      refuse(record, bufferFull(`the buffer of ${bytesMax} bytes is full`, true));
    } else if (this.waitingCount >= clientLimits.clientWaitingRecordsMax) {
      refuse(record, bufferFull(`${clientLimits.clientWaitingRecordsMax} records wait for room already`, true));
    } else {
      this.waiting.push(record);
      if (this.watching === undefined) void this.watch();
    }
  }

  /** The bytes of a record that was admitted and is settled. */
  release(bytes: number): void {
    const { bytesMax, admit } = this.options;
    this.taken -= bytes;
    // A record that is admitted may be settled at once, which comes here again: one after the other, not one in the
    // other.
    if (this.serving) return;
    this.serving = true;
    for (let next = this.waiting[this.served]; next !== undefined; next = this.waiting[this.served]) {
      if (this.taken + next.bytes > bytesMax) break;
      this.taken += next.bytes;
      this.drop();
      admit(next);
    }
    this.serving = false;
    if (this.waitingCount === 0) this.unwatch();
  }

  /** Refuses all that wait. */
  close(error: MillraceClientError): void {
    this.unwatch();
    const waiting = this.waiting.slice(this.served);
    this.waiting = [];
    this.served = 0;
    for (const record of waiting) this.options.refuse(record, error);
  }

  private get waitingCount(): number {
    return this.waiting.length - this.served;
  }

  /** Removes the front; the array shrinks now and then, so that each record is moved about once. */
  private drop(): void {
    this.served++;
    if (this.served < 1_024 && this.served < this.waiting.length) return;
    this.waiting = this.waiting.slice(this.served);
    this.served = 0;
  }

  /** All wait equally long, so the front's time is over first. */
  private async watch(): Promise<void> {
    const { clock, refuse, waitMsMax, bytesMax } = this.options;
    const watching = new AbortController();
    this.watching = watching;
    while (!watching.signal.aborted) {
      const next = this.waiting[this.served];
      if (next === undefined) return this.unwatch();
      const leftMs = next.waitsUntilMs - clock.monotonic();
      if (leftMs > 0) {
        await clock.sleep(leftMs, watching.signal);
      } else {
        this.drop();
        refuse(next, bufferFull(`no room came in ${waitMsMax} ms; the buffer has ${bytesMax} bytes`, true));
      }
    }
  }

  /** No timer may outlive what it is for: it would keep a process alive. */
  private unwatch(): void {
    this.watching?.abort(null);
    this.watching = undefined;
  }
}

function bufferFull(detail: string, retriable: boolean): MillraceClientError {
  return new MillraceClientError('BUFFER_FULL', detail, { retriable, effect: 'none' });
}
