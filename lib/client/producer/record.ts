/** A record from `send` to its receipt. */
import { utf8 } from '../../kernel/bytes.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import type { NewRecord, RecordHeader } from '../../log/record-batch/record.ts';
import { MillraceClientError } from '../errors.ts';
import type { Serializer } from './serializers.ts';

/** What `send` takes: keys and values as the producer's serializers have them. */
export interface ProducerRecord<Key, Value> {
  key?: Key | null;
  value?: Value | null;
  headers?: Record<string, string> | readonly { key: string; value: string | Uint8Array | null }[];
  /** By the partitioner where absent. */
  partition?: number;
  /** Milliseconds since the epoch; the time of `send` where absent. */
  timestamp?: number;
}

/** Where a record is. */
export interface Receipt {
  topic: string;
  partition: number;
  /**
   * Absent with acks `none`, and, rarely, where a repeated batch was found to be written already and the server has
   * forgotten where.
   */
  offset?: number;
  /** Absent where the topic has `message.timestamp.type=LogAppendTime`: then the server's time applies. */
  timestamp?: number;
}

export type DeliveryResult = Receipt | { error: MillraceClientError };

export type Delivery<Key, Value> = { topic: string; record: ProducerRecord<Key, Value> } & (
  | { receipt: Receipt; error?: undefined }
  | { error: MillraceClientError; receipt?: undefined }
);

/**
 * What a `send` of several records rejects with when any of them failed: the first failure, and in `results` what
 * became of each. Not `retriable` as a whole where some were written: sending all of it again would write those twice.
 */
export class SendError extends MillraceClientError {
  readonly results: readonly DeliveryResult[];

  constructor(results: readonly DeliveryResult[], first: MillraceClientError) {
    const failures = results.flatMap((result) => ('error' in result ? [result.error] : []));
    const written = results.length - failures.length;
    const detail = `${failures.length} of ${results.length} records failed, the first with: ${first.message}`;
    super(first.code, detail, {
      status: first.status,
      retriable: written === 0 && failures.every(({ retriable }) => retriable),
      effect: written > 0 || failures.some(({ effect }) => effect === 'unknown') ? 'unknown' : 'none',
      facts: first.facts,
      cause: first,
    });
    this.results = results;
  }
}

/** The calls of `send` between two flushes, counted: a set of them would cost more than the rest of a call. */
export class FlushRound {
  private calls = 0;
  private sealed = false;
  private readonly ended = Promise.withResolvers<void>();

  begun(): void {
    this.calls++;
  }

  settled(): void {
    this.calls--;
    if (this.sealed && this.calls === 0) this.ended.resolve();
  }

  /** No call joins any more. Resolves when all are settled. */
  seal(): Promise<void> {
    this.sealed = true;
    if (this.calls === 0) this.ended.resolve();
    return this.ended.promise;
  }
}

/** One call of `send`, settled when the last of its records is. */
export class SendCall {
  readonly receipts: Promise<Receipt[]>;
  private readonly results: DeliveryResult[];
  private left: number;
  private resolve!: (receipts: Receipt[]) => void;
  private reject!: (error: MillraceClientError) => void;
  private readonly round: FlushRound;

  constructor(records: number, round: FlushRound) {
    this.results = [];
    this.left = records;
    this.round = round;
    this.receipts = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  settle(index: number, result: DeliveryResult): void {
    this.results[index] = result;
    if (--this.left > 0) return;
    this.round.settled();
    const failed = this.results.find((one) => 'error' in one);
    if (failed === undefined) this.resolve(this.results as Receipt[]);
    else this.reject(this.results.length === 1 ? failed.error : new SendError(this.results, failed.error));
  }
}

/** As it waits in the producer: what a record batch takes, and to whom its outcome goes. */
export interface BufferedRecord extends NewRecord {
  topic: string;
  partition: number | undefined;
  /** At most what it takes in a batch. */
  bytes: number;
  given: ProducerRecord<unknown, unknown>;
  call: SendCall;
  index: number;
  /** Where it waits for room: until when, by the monotonic clock. */
  waitsUntilMs: number;
}

/** A record's lengths and flags in a batch, at most; the same for each of its headers. */
const RECORD_OVERHEAD = 36;
const HEADER_OVERHEAD = 10;

/** Of every record that has none; nobody changes a record's headers. */
const NO_HEADERS: RecordHeader[] = [];

/** Throws `TypeError` or `RangeError` where the record is none, and whatever a serializer throws. */
export function serializeRecord(
  given: ProducerRecord<unknown, unknown>,
  index: number,
  { topic, call, nowMs, waitsUntilMs, serializers }: CallContext,
): BufferedRecord {
  const { partition, timestamp = nowMs } = given;
  if (!Number.isSafeInteger(timestamp) || timestamp < 0 || timestamp > topicLimits.timestampMsMax) {
    throw new RangeError(`timestamp ${timestamp} is not a whole number of milliseconds from 0 to 2^48 − 1`);
  }
  if (partition !== undefined && !isPartition(partition)) {
    const most = topicLimits.partitionsPerTopicMax - 1;
    throw new RangeError(`partition ${String(partition)} is not a whole number from 0 to ${most}`);
  }
  const key = bytesOf(given.key, serializers.keySerializer, topic);
  const value = bytesOf(given.value, serializers.valueSerializer, topic);
  const headers = given.headers === undefined ? NO_HEADERS : headersOf(given.headers);
  let bytes = RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += HEADER_OVERHEAD + 3 * header.key.length + (header.value?.length ?? 0);
  return { timestamp, key, value, headers, topic, partition, bytes, given, call, index, waitsUntilMs };
}

/** What all records of a call share. */
export interface CallContext extends Pick<BufferedRecord, 'topic' | 'call' | 'waitsUntilMs'> {
  nowMs: number;
  serializers: { keySerializer: Serializer<unknown>; valueSerializer: Serializer<unknown> };
}

function bytesOf(given: unknown, serializer: Serializer<unknown>, topic: string): Uint8Array | null {
  return given === undefined || given === null ? null : serializer.serialize(given, topic);
}

function isPartition(partition: number): boolean {
  return Number.isInteger(partition) && partition >= 0 && partition < topicLimits.partitionsPerTopicMax;
}

function headersOf(headers: NonNullable<ProducerRecord<unknown, unknown>['headers']>): RecordHeader[] {
  const list = Array.isArray(headers)
    ? (headers as readonly { key: string; value: string | Uint8Array | null }[])
    : Object.entries(headers as Record<string, string>).map(([key, value]) => ({ key, value }));
  if (list.length > requestLimits.headersPerRecordMax) {
    throw new RangeError(`${list.length} headers are more than ${requestLimits.headersPerRecordMax}`);
  }
  return list.map(({ key, value }) => ({ key, value: typeof value === 'string' ? utf8(value) : value }));
}
