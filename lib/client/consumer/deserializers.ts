/** From the bytes of a key or value to what a program has. */
import { utf8 } from '../../kernel/bytes.ts';

export interface Deserializer<T> {
  /** Never called with Kafka's null. May throw: then the iteration rejects with a `DeserializationError`. */
  deserialize(bytes: Uint8Array, topic: string): T;
  /** The same of bytes that are UTF-8, which mostly arrive as text already. */
  deserializeText?(text: string, topic: string): T;
}

/** As text where it is UTF-8, else the bytes. */
export const textOrBytes: Deserializer<string | Uint8Array> = {
  deserialize: (bytes) => bytes,
  deserializeText: (text) => text,
};

/** `content` is as it arrived: text where the bytes are UTF-8. */
export function deserialized<T>(deserializer: Deserializer<T>, content: string | Uint8Array, topic: string): T {
  if (typeof content !== 'string') return deserializer.deserialize(content, topic);
  if (deserializer.deserializeText !== undefined) return deserializer.deserializeText(content, topic);
  return deserializer.deserialize(utf8(content), topic);
}
