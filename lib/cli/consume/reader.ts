/**
 * Reads partitions beside each other until each is at its end, the count is reached, or nobody wants more. Each
 * partition has one poll at a time and goes on only when its records are written, so that a slow reader of the output
 * slows all down and nothing piles up.
 */
import type { MillraceClient } from '../../client/client.ts';
import { MillraceClientError } from '../../client/errors.ts';
import type { FetchResult } from '../../client/fetch.ts';
import { Slots } from '../../client/producer/slots.ts';
import type { ClientRecord } from '../../client/records.ts';
import type { Clock } from '../../kernel/clock.ts';
import { cliLimits } from '../../kernel/limits/cli.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { Source } from './formats.ts';
import type { Cursor, Until } from './positions.ts';

export interface ReaderOptions {
  client: MillraceClient;
  clock: Clock;
  topic: string;
  until: Until;
  /** Of all partitions together. */
  count: number;
  /** Aborts where nobody wants more. */
  signal: AbortSignal;
  write: (records: readonly ClientRecord<'bytes'>[], of: Source) => Promise<void>;
  /** Where it waits for what comes: that the server does not answer, and that it does again. */
  onOutage: (error: MillraceClientError) => void;
  onRecovery: () => void;
}

export class Reader {
  /** Aborts when nothing more is read. */
  readonly signal: AbortSignal;
  private readonly options: ReaderOptions;
  private readonly ended = new AbortController();
  private readonly slots = new Slots(cliLimits.cliPollsMax);
  private readonly reading = new Set<Promise<void>>();
  private partitions = 0;
  private left: number;
  private out = false;
  private failure: unknown;

  constructor(options: ReaderOptions) {
    this.options = options;
    this.left = options.count;
    this.signal = AbortSignal.any([options.signal, this.ended.signal]);
  }

  /** Reads this one too. */
  add(cursor: Cursor): void {
    this.partitions++;
    const reading = this.follow(cursor).catch((error: unknown) => this.end(error));
    this.reading.add(reading);
    void reading.then(() => this.reading.delete(reading));
  }

  /** Resolves when there is nothing more to read. Throws the first failure, when all partitions have stopped. */
  async done(): Promise<void> {
    while (this.reading.size > 0) await Promise.race(this.reading);
    if (this.failure !== undefined) throw this.failure;
  }

  private end(error?: unknown): void {
    // What is thrown after the end is that the polls under way were given up.
    if (error !== undefined && !this.signal.aborted) this.failure = error;
    this.ended.abort();
  }

  private async follow(cursor: Cursor): Promise<void> {
    while (!this.signal.aborted && !isPast(cursor)) {
      await this.slots.acquire(this.signal);
      try {
        if (await this.poll(cursor)) return;
      } finally {
        this.slots.release();
      }
    }
  }

  /** Returns whether the partition is at its end. */
  private async poll(cursor: Cursor): Promise<boolean> {
    const { topic, write, until } = this.options;
    const { partition } = cursor;
    const fetched = await this.fetch(cursor);
    if (fetched === undefined) return false;
    const wanted = fetched.records.filter(({ offset }) => cursor.stop === undefined || offset < cursor.stop);
    const inTime = until.kind === 'time' ? beforeTime(wanted, until.ms) : wanted;
    // Taken before it is written: another partition must not take the same rest.
    const records = inTime.slice(0, this.left);
    this.left -= records.length;
    if (records.length > 0) await write(records, { topic, partition });
    cursor.next = fetched.nextOffset;
    if (this.left === 0) this.end();
    return inTime.length < wanted.length || this.isPastTime(fetched);
  }

  /** `undefined`: the server is gone, and asked again later. */
  private async fetch({ partition, next, stop }: Cursor): Promise<FetchResult<'bytes'> | undefined> {
    const { client, topic, clock } = this.options;
    const upToStop = stop === undefined ? requestLimits.fetchRecordsMax : stop - next;
    try {
      const fetched = await client.fetch(topic, partition, {
        as: 'bytes',
        offset: next,
        maxRecords: Math.min(upToStop, this.left, requestLimits.fetchRecordsMax),
        maxBytes: this.bytesMax(),
        waitMs: this.waitMs(),
        signal: this.signal,
      });
      if (this.out) this.options.onRecovery();
      this.out = false;
      return fetched;
    } catch (error) {
      if (!this.follows || !isPassing(error)) throw error;
      if (!this.out) this.options.onOutage(error);
      this.out = true;
      await clock.sleep(cliLimits.cliRetryPauseMs, this.signal);
      return undefined;
    }
  }

  /** Whether it may wait for records that are not there yet: then for the server too. */
  private get follows(): boolean {
    return this.options.until.kind !== 'end';
  }

  /** All polls together may bring only so much at once. */
  private bytesMax(): number {
    const share = Math.floor(cliLimits.cliFetchedBytesMax / Math.min(this.partitions, cliLimits.cliPollsMax));
    return Math.min(requestLimits.fetchBytesDefault, share);
  }

  private waitMs(): number {
    const { until, clock } = this.options;
    const most = this.partitions > cliLimits.cliPollsMax ? cliLimits.cliSharedPollMs : requestLimits.fetchWaitMsMax;
    return until.kind === 'time' ? Math.max(0, Math.min(most, until.ms - clock.now())) : most;
  }

  /** Nothing that comes now can be of an earlier time, as far as clocks go. */
  private isPastTime({ records, nextOffset, highWatermark }: FetchResult<'bytes'>): boolean {
    const { until, clock } = this.options;
    if (until.kind !== 'time' || clock.now() < until.ms) return false;
    return records.length === 0 && nextOffset >= highWatermark;
  }
}

function isPast({ next, stop }: Cursor): boolean {
  return stop !== undefined && next >= stop;
}

/** Up to the first of this time or later. */
function beforeTime(records: ClientRecord<'bytes'>[], ms: number): ClientRecord<'bytes'>[] {
  const at = records.findIndex(({ timestamp }) => timestamp >= ms);
  return at < 0 ? records : records.slice(0, at);
}

/** A topic that is gone is "retriable" to Kafka's clients; here it is an end. */
function isPassing(error: unknown): error is MillraceClientError {
  return error instanceof MillraceClientError && error.retriable && error.status !== 404;
}
