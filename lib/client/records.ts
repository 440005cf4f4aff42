/** Records as the API's JSON has them, and as the client's callers do. */
import { utf8Text } from '../kernel/bytes.ts';
import type { LogRecord } from '../log/record-batch/record.ts';
import type { JsonRecordAnswer, JsonRecordRequest, JsonValue } from './api.ts';
import { fromBase64, toBase64 } from './base64.ts';

/** What a key or value may be given as: bytes and text as they are, everything else as its JSON text, null as null. */
export type Content = Uint8Array | JsonValue;

export interface NewClientRecord {
  /** Records with the same key go to the same partition; keyless records of one call go to one partition. */
  key?: Content;
  value?: Content;
  headers?: Record<string, string> | readonly { key: string; value: string | Uint8Array | null }[];
  /** By the key where absent. */
  partition?: number;
  /** Milliseconds since the epoch; the time at the server where absent. */
  timestamp?: number;
}

/** How keys and values are handed over: see `FetchOptions.as`. */
export type ContentForm = 'text' | 'json' | 'bytes';

/** Bytes wherever the stored bytes are not UTF-8; with `json`, text where they are no JSON. */
export interface ContentOf {
  text: string | Uint8Array;
  json: JsonValue | Uint8Array;
  bytes: Uint8Array;
}

export interface ClientRecord<Form extends ContentForm = 'text'> {
  offset: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
  key: ContentOf[Form] | null;
  value: ContentOf[Form] | null;
  headers: { key: string; value: ContentOf[Form extends 'json' ? 'text' : Form] | null }[];
}

/** The API's name of each form. */
export const ENCODING_OF = { text: 'utf8', json: 'json', bytes: 'base64' } as const satisfies Record<
  ContentForm,
  string
>;

export function recordToJson(record: NewClientRecord): JsonRecordRequest {
  const json: JsonRecordRequest = {};
  if (record.key instanceof Uint8Array) json.key_base64 = toBase64(record.key);
  else if (record.key !== undefined) json.key = record.key;
  if (record.value instanceof Uint8Array) json.value_base64 = toBase64(record.value);
  else if (record.value !== undefined) json.value = record.value;
  if (record.headers !== undefined) json.headers = headersToJson(record.headers);
  if (record.partition !== undefined) json.partition = record.partition;
  if (record.timestamp !== undefined) json.timestamp = record.timestamp;
  return json;
}

function headersToJson(headers: NonNullable<NewClientRecord['headers']>): JsonRecordRequest['headers'] {
  if (!Array.isArray(headers)) return headers as Record<string, string>;
  const list = headers as readonly { key: string; value: string | Uint8Array | null }[];
  return list.map(({ key, value }) =>
    value instanceof Uint8Array ? { key, value_base64: toBase64(value) } : { key, value },
  );
}

/** `Form` is what the answer was asked for in; the API says by the field's name where it could not give it. */
export function recordFromJson<Form extends ContentForm>(json: JsonRecordAnswer): ClientRecord<Form> {
  return {
    offset: json.offset,
    timestamp: json.timestamp,
    key: contentFromJson(json.key, json.key_base64) as ContentOf[Form] | null,
    value: contentFromJson(json.value, json.value_base64) as ContentOf[Form] | null,
    headers: json.headers.map(({ key, value, value_base64 }) => ({
      key,
      value: contentFromJson(value, value_base64) as ContentOf[Form extends 'json' ? 'text' : Form] | null,
    })),
  };
}

function contentFromJson(value: JsonValue | undefined, base64: string | null | undefined): JsonValue | Uint8Array {
  return typeof base64 === 'string' ? fromBase64(base64) : (value ?? null);
}

/**
 * The same of a record as it is stored. What it has of the batch is copied: a small value shall not keep a large range
 * alive.
 */
export function recordFromLog<Form extends ContentForm>(record: LogRecord, form: Form): ClientRecord<Form> {
  const { offset, timestamp, key, value, headers } = record;
  const ofHeaders = form === 'json' ? 'text' : form;
  return {
    offset,
    timestamp,
    key: contentFromBytes(key, form) as ContentOf[Form] | null,
    value: contentFromBytes(value, form) as ContentOf[Form] | null,
    headers: headers.map((header) => ({
      key: header.key,
      value: contentFromBytes(header.value, ofHeaders) as ContentOf[Form extends 'json' ? 'text' : Form] | null,
    })),
  };
}

function contentFromBytes(bytes: Uint8Array | null, form: ContentForm): JsonValue | Uint8Array {
  if (bytes === null) return null;
  const text = form === 'bytes' ? undefined : utf8Text(bytes);
  if (text === undefined) return bytes.slice();
  if (form === 'text') return text;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
