/**
 * A client of the HTTP API for Node and browsers: `fetch` and nothing of either platform alone.
 *
 *     const client = createClient({ url: 'http://127.0.0.1:8080' });
 *     await client.topics.create('orders', { partitions: 6 });
 *     await client.produce('orders', [{ key: 'customer-1', value: { total: 12 } }]);
 *     const { records, nextOffset } = await client.fetch('orders', 0, { offset: 'earliest', as: 'json' });
 *
 * Every failure is a `MillraceClientError`, but for an aborted call, which throws the signal's reason.
 */
import { type Clock, systemClock } from '../kernel/clock.ts';
import { clientLimits } from '../kernel/limits/client.ts';
import { replicationLimits } from '../kernel/limits/replication.ts';
import { type Random, systemRandom } from '../kernel/random.ts';
import type { Compression } from '../log/record-batch/compression.ts';
import type { Acks, JsonProduceAnswer, JsonProduceBatchesAnswer } from './api.ts';
import { type CommittedOffset, committedOffsets } from './committed-offsets.ts';
import type { Consumer } from './consumer/consumer.ts';
import { createConsumer } from './consumer/group-consumer.ts';
import type { ConsumerOptions } from './consumer/options.ts';
import { directSource } from './direct/direct-source.ts';
import { type ErasuresClient, erasuresClient } from './erasures.ts';
import { errorOf, type MillraceClientError } from './errors.ts';
import {
  type FetchBatchesResult,
  type FetchLimits,
  type FetchOptions,
  type FetchPosition,
  type FetchResult,
  fetchBatches,
  fetchRecords,
  listOffset,
  type OffsetResult,
} from './fetch.ts';
import { type GroupsClient, groupsClient } from './groups.ts';
import { type KeysClient, keysClient } from './keys.ts';
import type { ProducerOptions } from './producer/options.ts';
import { createProducer, type Producer } from './producer/producer.ts';
import { pureCompression } from './pure-compression.ts';
import type { ReaderOptions } from './reader/options.ts';
import { createReader, type PartitionReader } from './reader/partition-reader.ts';
import { type Content, type ContentForm, type ContentOf, type NewClientRecord, recordToJson } from './records.ts';
import { type TopicsClient, topicsClient } from './topics.ts';
import { type Transaction, type TransactionOptions, type TransactionResult, transactions } from './transaction.ts';
import {
  BATCHES_TYPE,
  createTransport,
  JSON_TYPE,
  jsonOf,
  recordsPath,
  type Transport,
  type TransportOptions,
} from './transport.ts';
import { type TriggersClient, triggersClient } from './triggers.ts';

export interface ClientOptions {
  /** Where the API is, with or without a trailing slash: the `Url` output of a stack, or the local server's address. */
  url: string;
  /** A key's secret, or `id:secret`. */
  apiKey?: string;
  /** Default: the platform's. One that signs requests makes the client work with IAM authorization. */
  fetch?: typeof globalThis.fetch;
  /**
   * What the bucket's own URLs are asked with, when history is read from it. Default: the platform's, and never `fetch`
   * above: the bucket refuses requests with a signature beside that in the URL.
   */
  bucketFetch?: typeof globalThis.fetch;
  /**
   * For compressed batches that are read from the bucket. Default: snappy and lz4; partitions with others are then read
   * through the server.
   */
  compression?: Compression;
  /**
   * Where this client is: the zone or region, as the stack's replicas name theirs. Records are read from a replica
   * there, where there is one. 1 to 255 printable ASCII characters. Kafka: `client.rack`.
   */
  rack?: string;
  /** How long one attempt may take, beside what the server is asked to wait. Default 30 s. */
  requestMsMax?: number;
  /** Attempts of one call, the first included; 1 sends nothing again. Default 5. */
  attemptsMax?: number;
  /** Default: the machine's. */
  clock?: Clock;
  random?: Random;
}

export interface ProduceOptions {
  /** `all` (default) and `leader`: answered when the records are stored and readable; `none`: before. */
  acks?: Acks;
  /**
   * Append only if the partition's next offset is this one, else `OFFSET_MISMATCH` with `facts.nextOffset`. All records
   * must then name the same partition.
   */
  expectedOffset?: number;
  signal?: AbortSignal;
}

/** What became of one record. */
export type ProduceResult =
  /** Without offset and timestamp where acks is `none`. */
  { partition: number; offset?: number; timestamp?: number } | { error: MillraceClientError };

export interface ProduceBatchesResult {
  partition: number;
  /** Of the first record; absent with acks `none`. */
  baseOffset?: number;
  recordCount: number;
}

export interface MillraceClient {
  readonly topics: TopicsClient;
  readonly keys: KeysClient;
  /** Groups from outside; being a member of one is `consumer`. */
  readonly groups: GroupsClient;
  readonly triggers: TriggersClient;
  /** Taking a subject's records out of topics. */
  readonly erasures: ErasuresClient;
  /**
   * Writes records; each has its own outcome, in their order. Throws where all failed for the same reason. A call with
   * `effect: unknown` may have been applied; sending it again may write its records twice.
   */
  produce(topic: string, records: readonly NewClientRecord[], options?: ProduceOptions): Promise<ProduceResult[]>;
  /** Writes whole record batches (Kafka's format, magic 2) to one partition, all or nothing. See `encodeBatch`. */
  produceBatches(
    topic: string,
    partition: number,
    batches: Uint8Array,
    options?: ProduceOptions,
  ): Promise<ProduceBatchesResult>;
  /** Throws `OFFSET_OUT_OF_RANGE` with `facts.logStartOffset` and `facts.highWatermark`. */
  fetch<Form extends ContentForm = 'text'>(
    topic: string,
    partition: number,
    options: FetchOptions<Form>,
  ): Promise<FetchResult<Form>>;
  /** The same as the stored bytes, which cost the server the least. See `decodeBatches`. */
  fetchBatches(topic: string, partition: number, options: FetchPosition & FetchLimits): Promise<FetchBatchesResult>;
  /**
   * Reads one partition from a position on, without a group, its history straight from the bucket: see docs/client.md.
   * Throws `TypeError` and `RangeError` for options that there are not or that cannot be.
   */
  reader<Form extends ContentForm = 'text'>(
    topic: string,
    partition: number,
    options?: ReaderOptions<Form>,
  ): PartitionReader<Form>;
  /** The log's start or end, or the first offset at or after a time. */
  offsets(topic: string, partition: number, at: { timestamp: number | 'earliest' | 'latest' }): Promise<OffsetResult>;
  /**
   * Writes record by record, in batches: see docs/client.md. Throws `TypeError` and `RangeError` for options that there
   * are not or that cannot be.
   */
  producer<Key = Content, Value = Content>(options?: ProducerOptions<Key, Value>): Producer<Key, Value>;
  /**
   * Reads topics as a member of a consumer group: see docs/client.md. Throws `TypeError` and `RangeError` for options
   * that there are not or that cannot be.
   */
  consumer<Key = ContentOf['text'], Value = ContentOf['text']>(
    options: ConsumerOptions<Key, Value>,
  ): Consumer<Key, Value>;
  /**
   * Writes what the work sends, and commits the offsets that it names: all of it or none, in one request when the work
   * is done. Where the work throws nothing is sent, and this throws the same. What fails with `effect: none` is not
   * committed; with `unknown` it may be.
   */
  transaction<Value>(
    work: (transaction: Transaction) => Value | Promise<Value>,
    options?: TransactionOptions,
  ): Promise<TransactionResult<Value>>;
  /**
   * Takes a transactional id over now, not with its first transaction: from then on nothing can be committed that
   * another client has under way under the id. A program that goes on where its committed offsets are calls this before
   * it reads them; else a transaction of its predecessor could move them afterwards. (Kafka's `initTransactions`.)
   */
  initTransactions(transactionalId: string, options?: { signal?: AbortSignal }): Promise<void>;
  /** What a group has committed, of all topics that the key may read; nothing of a group that nobody has used. */
  committedOffsets(group: string, options?: { signal?: AbortSignal }): Promise<CommittedOffset[]>;
}

/**
 * No connection is made and nothing is sent before the first call. Throws `TypeError` where the URL, or the rack, is
 * none.
 */
export function createClient(options: ClientOptions): MillraceClient {
  const transport: TransportOptions = {
    url: options.url,
    apiKey: options.apiKey,
    // Bound, because browsers refuse `fetch` as a method of another object.
    fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
    requestMsMax: options.requestMsMax ?? clientLimits.clientRequestMsMax,
    attemptsMax: options.attemptsMax ?? clientLimits.clientAttemptsMax,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
  const send = createTransport(transport);
  const read = from(options.rack, send);
  const source = directSource({
    transport,
    reading: (own) => from(options.rack, own),
    fetch: options.bucketFetch ?? globalThis.fetch.bind(globalThis),
    compression: options.compression ?? pureCompression,
  });
  const { run, takeOver } = transactions(send, transport.random);
  return {
    topics: topicsClient(send),
    keys: keysClient(send),
    groups: groupsClient(send),
    triggers: triggersClient(send),
    erasures: erasuresClient(send),
    produce: (topic, records, produceOptions = {}) => produce(send, topic, records, produceOptions),
    produceBatches: (topic, partition, batches, produceOptions = {}) =>
      produceBatches(send, topic, partition, batches, produceOptions),
    fetch: (topic, partition, fetchOptions) => fetchRecords(read, topic, partition, fetchOptions),
    fetchBatches: (topic, partition, fetchOptions) => fetchBatches(read, topic, partition, fetchOptions),
    reader: (topic, partition, readerOptions = {}) =>
      createReader({ send: read, source }, topic, partition, readerOptions),
    offsets: (topic, partition, { timestamp }) => listOffset(send, topic, partition, timestamp),
    producer: (producerOptions = {}) => createProducer(transport, producerOptions),
    consumer: (consumerOptions) =>
      createConsumer({ transport, reading: (own) => from(options.rack, own), source }, consumerOptions),
    transaction: run,
    initTransactions: takeOver,
    committedOffsets: (group, options) => committedOffsets(send, group, options),
  };
}

const RACK = new RegExp(`^[!-~]{1,${replicationLimits.rackLengthMax}}$`);

/** The same transport for reading, which says where the reader is. */
function from(rack: string | undefined, send: Transport): Transport {
  if (rack === undefined) return send;
  // Checked here, because platforms refuse other headers in ways that look like a network that failed.
  if (!RACK.test(rack))
    throw new TypeError(`rack must be 1 to ${replicationLimits.rackLengthMax} printable ASCII characters`);
  return (request) => send({ ...request, headers: { ...request.headers, 'x-rack': rack } });
}

async function produce(
  send: Transport,
  topic: string,
  records: readonly NewClientRecord[],
  { acks, expectedOffset, signal }: ProduceOptions,
): Promise<ProduceResult[]> {
  const answer = await send({
    method: 'POST',
    path: ['v1', 'topics', topic, 'records'],
    headers: { 'content-type': JSON_TYPE },
    body: JSON.stringify({ records: records.map(recordToJson), acks, expected_offset: expectedOffset }),
    signal,
  });
  return (jsonOf(answer) as JsonProduceAnswer).records.map((outcome) =>
    'error' in outcome ? { error: errorOf(outcome.error) } : outcome,
  );
}

async function produceBatches(
  send: Transport,
  topic: string,
  partition: number,
  batches: Uint8Array,
  { acks, expectedOffset, signal }: ProduceOptions,
): Promise<ProduceBatchesResult> {
  const answer = await send({
    method: 'POST',
    path: recordsPath(topic, partition),
    query: { acks, expected_offset: expectedOffset },
    headers: { 'content-type': BATCHES_TYPE },
    body: batches,
    signal,
  });
  const { partition: written, base_offset, record_count } = jsonOf(answer) as JsonProduceBatchesAnswer;
  return {
    partition: written,
    recordCount: record_count,
    ...(base_offset === undefined ? {} : { baseOffset: base_offset }),
  };
}
