/** From the bytes of a key or value to what a program has. */
import { utf8, utf8Text } from '../../kernel/bytes.ts';

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

export interface ContentTraits {
  topic: string;
  /** The bytes are a part of many more, which whoever keeps them would keep alive: they are copied. */
  isView?: boolean;
}

/** `content` is as it arrived: text only where the bytes are UTF-8. */
export function deserialized<T>(
  deserializer: Deserializer<T>,
  content: string | Uint8Array,
  { topic, isView }: ContentTraits,
): T {
  if (deserializer.deserializeText !== undefined) {
    const text = typeof content === 'string' ? content : utf8Text(content);
    if (text !== undefined) return deserializer.deserializeText(text, topic);
  }
  const bytes = typeof content === 'string' ? utf8(content) : content;
  return deserializer.deserialize(isView === true ? bytes.slice() : bytes, topic);
}
