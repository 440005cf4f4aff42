/**
 * The part of the API that a producer talks to, as its `fetch`: topics, producer ids, and record batches whose
 * sequences are checked as docs/http-api.md says. It exists because it can fail on demand in the ways that matter:
 * before or after it wrote, and later than anybody waits.
 */
import type { Clock } from '../../lib/kernel/clock.ts';
import { noCompression } from '../../lib/log/record-batch/compression.ts';
import { records as recordsOf } from '../../lib/log/record-batch/decode.ts';
import { readBatchHeader } from '../../lib/log/record-batch/header.ts';

export type Fault =
  /** It never arrives. */
  | 'lost-request'
  /** It is written, and nobody hears of it. */
  | 'lost-answer'
  /** As if lost, but it arrives so many milliseconds later. */
  | { lateMs: number }
  /** A gateway's 503, which says nothing about what happened behind it: here, that it was written. */
  | 'gateway'
  /** An error of the API. */
  | { status: number; code: string; retriable: boolean; effect?: 'none' | 'unknown'; retryAfter?: number };

export const UNAVAILABLE: Fault = { status: 503, code: 'KAFKA_STORAGE_ERROR', retriable: true, retryAfter: 1 };
export const THROTTLED: Fault = { status: 429, code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true, retryAfter: 2 };

export interface WriteRequest {
  topic: string;
  partition: number;
  values: string[];
  producerId: bigint;
  epoch: number;
  sequence: number;
  query: string;
}

interface KnownProducer {
  epoch: number;
  next: number;
  batches: { sequence: number; count: number; offset: number }[];
}

export interface FakeApiOptions {
  clock: Clock;
  /** By topic: how many partitions, and configs. */
  topics: Record<string, { partitions: number; config?: Record<string, string> }>;
  /** What goes wrong with the n-th write, counted from 0. */
  fault?: (write: number, request: WriteRequest) => Fault | undefined;
  /** Answers as something that is not the API would. */
  noIds?: boolean;
  /** Of the ids that are handed out. */
  firstEpoch?: number;
  /** How long the n-th write takes. */
  latencyMs?: (write: number) => number;
}

const KEPT = 5;

export class FakeRecordsApi {
  readonly options: FakeApiOptions;
  readonly writes: WriteRequest[] = [];
  /** Values by partition, as `topic/partition`. */
  readonly logs = new Map<string, string[]>();
  readonly described: string[] = [];
  ids = 0;
  inFlight = 0;
  inFlightMost = 0;
  /** By partition and producer id; a test may forget. */
  readonly producers = new Map<string, KnownProducer>();
  private readonly busy = new Set<string>();
  /** Partitions that were sent a request while another one was in flight. */
  readonly overtaken = new Set<string>();

  constructor(options: FakeApiOptions) {
    this.options = options;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const [, , kind, topic = '', , partition] = url.pathname.split('/');
    if (kind === 'producers') {
      return this.options.noIds === true
        ? answer(200, {})
        : answer(201, { producer_id: ++this.ids, producer_epoch: this.options.firstEpoch ?? 0 });
    }
    if (partition === undefined) return this.describe(topic);
    return this.write(url, topic, Number(partition), init?.body as Uint8Array, init?.signal ?? undefined);
  };

  log(topic: string, partition: number): string[] {
    const name = `${topic}/${partition}`;
    const log = this.logs.get(name) ?? [];
    this.logs.set(name, log);
    return log;
  }

  private describe(name: string): Response {
    this.described.push(name);
    const topic = this.options.topics[name];
    if (topic === undefined) return problem({ status: 404, code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true });
    const { partitions, config = {} } = topic;
    return answer(200, { name, topic_id: 'x', partitions, replication_factor: 1, config, partition_details: [] });
  }

  private async write(
    url: URL,
    topic: string,
    partition: number,
    body: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Response> {
    const header = readBatchHeader(body);
    const values = Array.from(recordsOf(body, noCompression), ({ value }) =>
      new TextDecoder().decode(value ?? undefined),
    );
    const { producerId, producerEpoch: epoch, baseSequence: sequence } = header;
    const request = { topic, partition, values, producerId, epoch, sequence, query: url.search };
    const number = this.writes.push(request) - 1;
    const name = `${topic}/${partition}`;
    if (this.busy.has(name)) this.overtaken.add(name);
    this.busy.add(name);
    this.inFlightMost = Math.max(this.inFlightMost, ++this.inFlight);
    try {
      const latencyMs = this.options.latencyMs?.(number) ?? 0;
      if (latencyMs > 0) await this.options.clock.sleep(latencyMs, signal);
      signal?.throwIfAborted();
      return this.outcome(request, this.options.fault?.(number, request));
    } finally {
      this.inFlight--;
      this.busy.delete(name);
    }
  }

  private outcome(request: WriteRequest, fault: Fault | undefined): Response {
    if (fault === undefined) return this.append(request);
    if (fault === 'lost-request') throw new TypeError('fetch failed');
    if (fault === 'lost-answer') {
      this.append(request);
      throw new TypeError('fetch failed');
    }
    if (fault === 'gateway') {
      this.append(request);
      return new Response('{"message":"Service Unavailable"}', { status: 503 });
    }
    if ('lateMs' in fault) {
      void this.options.clock.sleep(fault.lateMs).then(() => this.append(request));
      throw new TypeError('fetch failed');
    }
    return problem(fault);
  }

  private append(request: WriteRequest): Response {
    const { topic, partition, values, producerId, epoch, sequence, query } = request;
    const partitions = this.options.topics[topic]?.partitions ?? 0;
    if (partition >= partitions) return problem({ status: 404, code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true });
    const log = this.log(topic, partition);
    if (producerId !== -1n) {
      const refusal = this.judge(`${topic}/${partition}/${producerId}`, epoch, sequence, values.length, log.length);
      if (refusal !== undefined) return refusal;
    }
    const base_offset = log.length;
    log.push(...values);
    if (query === '?acks=none') return answer(202, { partition, record_count: values.length });
    return answer(200, { partition, base_offset, record_count: values.length });
  }

  /** The answer where nothing is to be written. */
  private judge(name: string, epoch: number, sequence: number, count: number, offset: number): Response | undefined {
    const known = this.producers.get(name);
    if (known !== undefined && epoch < known.epoch) {
      return problem({ status: 403, code: 'INVALID_PRODUCER_EPOCH', retriable: false });
    }
    const current = known?.epoch === epoch ? known : undefined;
    const before = current?.batches.find((batch) => batch.sequence === sequence && batch.count === count);
    if (before !== undefined) {
      const body = { partition: 0, base_offset: before.offset, record_count: count };
      return answer(200, body, { 'producer-duplicate': 'true' });
    }
    const expected = current?.next ?? (known === undefined ? sequence : 0);
    if (sequence !== expected) {
      const code = sequence < expected ? 'DUPLICATE_SEQUENCE_NUMBER' : 'OUT_OF_ORDER_SEQUENCE_NUMBER';
      return problem({ status: 409, code, retriable: false });
    }
    const batches = [...(current?.batches ?? []), { sequence, count, offset }].slice(-KEPT);
    this.producers.set(name, { epoch, next: sequence + count, batches });
    return undefined;
  }
}

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
}

function problem(fault: Exclude<Fault, string | { lateMs: number }>): Response {
  const { status, code, retriable, effect = 'none', retryAfter } = fault;
  const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  return answer(status, { title: code, status, detail: `${code} happened`, code, retriable, effect }, headers);
}
