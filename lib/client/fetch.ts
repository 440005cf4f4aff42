/** Fetching records of one partition through the API: one request, with its answer. */
import type { JsonFetchAnswer, JsonOffset } from './api.ts';
import { type ClientRecord, type ContentForm, ENCODING_OF, recordFromJson } from './records.ts';
import { type ApiAnswer, BATCHES_TYPE, JSON_TYPE, jsonOf, recordsPath, type Transport } from './transport.ts';

/** One of `offset` and `timestamp`. */
export interface FetchPosition {
  /** An offset, the log's start, its end, or with a negative number so many records before the end. */
  offset?: number | 'earliest' | 'latest';
  /** The first record at or after this time, in milliseconds since the epoch. */
  timestamp?: number;
}

export interface FetchLimits {
  /** Default 500, at most 10,000. */
  maxRecords?: number;
  /** Of the answer's own size. Default 1 MiB, at most 4 MiB. One record comes whatever its size. */
  maxBytes?: number;
  /** With `waitMs`: do not answer with less. Default 1. */
  minBytes?: number;
  /** How long to wait for records where there are none; default 0, at most 20,000. */
  waitMs?: number;
  signal?: AbortSignal;
}

export interface FetchOptions<Form extends ContentForm> extends FetchPosition, FetchLimits {
  /**
   * What keys and values are handed over as: `text` (default), `json` (parsed; text where it is no JSON) or `bytes`.
   * Those that are not valid UTF-8 come as bytes whatever was asked for. Headers are never parsed.
   */
  as?: Form;
}

export interface Fetched {
  /** Where to go on, also where there are no records: what was lost for good is passed over. */
  nextOffset: number;
  /** The offset after the partition's last record. */
  highWatermark: number;
}

export interface FetchResult<Form extends ContentForm> extends Fetched {
  records: ClientRecord<Form>[];
  logStartOffset: number;
}

export interface FetchBatchesResult extends Fetched {
  /** Kafka record batches, one after the other; the first may begin before the offset that was asked for. */
  batches: Uint8Array;
}

export interface OffsetResult {
  /** `null`: no record has this timestamp or a later one. */
  offset: number | null;
  /** Of the found record; `null` for earliest and latest. */
  timestamp: number | null;
  leaderEpoch: number;
}

export async function fetchRecords<Form extends ContentForm>(
  send: Transport,
  topic: string,
  partition: number,
  options: FetchOptions<Form>,
): Promise<FetchResult<Form>> {
  const encoding = ENCODING_OF[options.as ?? 'text'];
  const answer = await fetchAs(send, topic, partition, options, JSON_TYPE, { encoding });
  const { records, next_offset, high_watermark, log_start_offset } = jsonOf(answer) as JsonFetchAnswer;
  return {
    records: records.map((record) => recordFromJson<Form>(record)),
    nextOffset: next_offset,
    highWatermark: high_watermark,
    logStartOffset: log_start_offset,
  };
}

export async function fetchBatches(
  send: Transport,
  topic: string,
  partition: number,
  options: FetchPosition & FetchLimits,
): Promise<FetchBatchesResult> {
  const { bytes, headers } = await fetchAs(send, topic, partition, options, BATCHES_TYPE);
  return {
    batches: bytes,
    nextOffset: Number(headers.get('millrace-next-offset')),
    highWatermark: Number(headers.get('millrace-high-watermark')),
  };
}

function fetchAs(
  send: Transport,
  topic: string,
  partition: number,
  options: FetchPosition & FetchLimits,
  accept: string,
  query: Record<string, string> = {},
): Promise<ApiAnswer> {
  const { offset, timestamp, maxRecords, maxBytes, minBytes, waitMs, signal } = options;
  return send({
    method: 'GET',
    path: recordsPath(topic, partition),
    query: {
      offset,
      timestamp,
      max_records: maxRecords,
      max_bytes: maxBytes,
      min_bytes: minBytes,
      wait_ms: waitMs,
      ...query,
    },
    headers: { accept },
    waitMs,
    signal,
  });
}

/** One of a partition's ends, or the first offset at or after a time. */
export async function listOffset(
  send: Transport,
  topic: string,
  partition: number,
  timestamp: number | 'earliest' | 'latest',
): Promise<OffsetResult> {
  const path = ['v1', 'topics', topic, 'partitions', partition, 'offsets'];
  const answer = await send({ method: 'GET', path, query: { timestamp } });
  const { offset, timestamp: found, leader_epoch } = jsonOf(answer) as JsonOffset;
  return { offset, timestamp: found, leaderEpoch: leader_epoch };
}
