/**
 * The event of Lambda's source mappings for Kafka, as UTF-8 JSON. Sizes are known before anything is rendered, so that
 * a batch is cut without rendering it twice.
 *
 * What the documentation leaves open follows what readers of the event take: a null key is left out, a tombstone's
 * value is null, and a header without a value is an empty array.
 */
import type { EventShape } from '../../coordination/triggers/trigger.ts';
import { isoSeconds } from '../iso-time.ts';
import type { EventBatch, EventWindow, TriggerRecord } from '../ports.ts';

/** Who the event says it comes from. */
export interface EventOrigin {
  /** What an MSK cluster's ARN is there; not in the event of a self-managed cluster. */
  eventSourceArn: string;
  /** `host:port`, separated by commas. */
  bootstrapServers: string;
}

export function renderEvent(batch: EventBatch, origin: EventOrigin): Uint8Array {
  const [head, tail] = envelope(batch, origin);
  // An invocation that only ends a window has no partition either: readers want at least one record in each.
  if (batch.records.length === 0) return Buffer.from(head + tail);
  const [begin, end] = listOf(batch);
  return Buffer.from(`${head}${begin}${batch.records.map(renderRecord).join(',')}${end}${tail}`);
}

/** The event without its records, but with the list of their partition; `recordBytes` of each make it the event. */
export function envelopeBytes(batch: EventBatch, origin: EventOrigin): number {
  return [...envelope(batch, origin), ...listOf(batch)].reduce((bytes, part) => bytes + Buffer.byteLength(part), 0);
}

/** What the record adds to the event, with the comma before it. */
export function recordBytes(record: TriggerRecord): number {
  let bytes = RECORD_FRAME_BYTES + jsonStringBytes(record.topic) + record.timestampType.length;
  bytes += digits(record.partition) + digits(record.offset) + digits(record.timestamp);
  if (record.key !== null) bytes += KEY_FRAME_BYTES + base64Bytes(record.key);
  bytes += record.value === null ? 'null'.length : 2 + base64Bytes(record.value);
  for (const header of record.headers) bytes += headerBytes(header.key, header.value);
  return bytes + commas(record.headers.length);
}

/** A topic's and partition's name in events and answers. */
export function partitionName({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}-${partition}`;
}

function renderRecord(record: TriggerRecord): string {
  const { topic, partition, offset, timestamp, timestampType } = record;
  const key = record.key === null ? '' : `"key":"${base64(record.key)}",`;
  const value = record.value === null ? 'null' : `"${base64(record.value)}"`;
  const headers = record.headers.map((header) => `{${JSON.stringify(header.key)}:[${(header.value ?? []).join(',')}]}`);
  return (
    `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${offset},"timestamp":${timestamp},` +
    `"timestampType":"${timestampType}",${key}"value":${value},"headers":[${headers.join(',')}]}`
  );
}

/** What `renderRecord` writes whatever the record is, and the comma before it. */
const RECORD_FRAME_BYTES =
  '{"topic":,"partition":,"offset":,"timestamp":,"timestampType":"","value":,"headers":[]}'.length + 1;
const KEY_FRAME_BYTES = '"key":"",'.length;
const HEADER_FRAME_BYTES = '{:[]}'.length;

/** All before and all after the records and their partition. */
function envelope(batch: EventBatch, origin: EventOrigin): [string, string] {
  const source = JSON.stringify(sourceFields(batch.trigger.eventShape, origin)).slice(0, -1);
  const window = batch.window === undefined ? '' : `,${JSON.stringify(windowFields(batch, batch.window)).slice(1, -1)}`;
  return [`${source},"records":{`, `}${window}}`];
}

/** What is around the records of their partition. */
function listOf(batch: EventBatch): [string, string] {
  return [`${JSON.stringify(partitionName(batch))}:[`, ']'];
}

function sourceFields(shape: EventShape, { eventSourceArn, bootstrapServers }: EventOrigin): Record<string, string> {
  if (shape === 'msk') return { eventSource: 'aws:kafka', eventSourceArn, bootstrapServers };
  return { eventSource: 'SelfManagedKafka', bootstrapServers };
}

/** As in `KinesisTimeWindowEvent`; a partition is what a shard is there. */
function windowFields(batch: EventBatch, window: EventWindow): Record<string, unknown> {
  return {
    window: { start: isoSeconds(window.startMs), end: isoSeconds(window.endMs) },
    state: window.state,
    shardId: partitionName(batch),
    isFinalInvokeForWindow: window.isFinal,
    isWindowTerminatedEarly: window.isTerminatedEarly,
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function base64Bytes(bytes: Uint8Array): number {
  return Math.ceil(bytes.length / 3) * 4;
}

function headerBytes(name: string, value: Uint8Array | null): number {
  let bytes = HEADER_FRAME_BYTES + jsonStringBytes(name) + commas(value?.length ?? 0);
  for (const byte of value ?? []) bytes += byte < 10 ? 1 : byte < 100 ? 2 : 3;
  return bytes;
}

function commas(elements: number): number {
  return Math.max(0, elements - 1);
}

function jsonStringBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

function digits(integer: number): number {
  return String(integer).length;
}
