/** From what a program has to the bytes of a key or value; those that are made here go the other way too. */
import { utf8Text } from '../../kernel/bytes.ts';
import type { JsonValue } from '../api.ts';
import type { Deserializer } from '../consumer/deserializers.ts';
import type { Content } from '../records.ts';
import { packedUtf8 } from './packed-utf8.ts';

export interface Serializer<T> {
  /** Never called with null or undefined, which are Kafka's null. May throw: then nothing of its `send` is sent. */
  serialize(value: T, topic: string): Uint8Array;
}

/**
 * The JSON text. Throws `TypeError` for what has none, such as a function. What is read is parsed, and nobody checks
 * that it is a `T`.
 */
export function json<T = JsonValue>(): Serializer<T> & Deserializer<T> {
  return {
    deserialize: (bytes) => JSON.parse(requireText(bytes)) as T,
    deserializeText: (text) => JSON.parse(text) as T,
    serialize: (value) => {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new TypeError(`a ${typeof value} has no JSON`);
      return packedUtf8(text);
    },
  };
}

/** UTF-8. Throws `TypeError` for bytes that are not. */
export function text(): Serializer<string> & Deserializer<string> {
  return {
    deserialize: requireText,
    deserializeText: (text) => text,
    serialize: (value) => {
      if (typeof value !== 'string') throw new TypeError(`a ${typeof value} is no text`);
      return packedUtf8(value);
    },
  };
}

/** The bytes themselves, not a copy: leave them alone until they are delivered. */
export function bytes(): Serializer<Uint8Array> & Deserializer<Uint8Array> {
  return {
    deserialize: (bytes) => bytes,
    serialize: (value) => {
      if (!(value instanceof Uint8Array)) throw new TypeError(`a ${typeof value} is no Uint8Array`);
      return value;
    },
  };
}

function requireText(bytes: Uint8Array): string {
  const text = utf8Text(bytes);
  if (text === undefined) throw new TypeError(`${bytes.length} bytes are not UTF-8`);
  return text;
}

const anyJson = json();

/** What `client.produce` does: bytes and text as they are, everything else as its JSON. */
export const content: Serializer<Content> = {
  serialize: (value, topic) => {
    if (value instanceof Uint8Array) return value;
    return typeof value === 'string' ? packedUtf8(value) : anyJson.serialize(value, topic);
  },
};
