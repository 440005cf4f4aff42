import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Deserializer, deserialized, textOrBytes } from '../../../lib/client/consumer/deserializers.ts';
import { bytes, json, text } from '../../../lib/client/producer/serializers.ts';
import { utf8Text } from '../../../lib/kernel/bytes.ts';

const NO_TEXT = Uint8Array.of(255, 0, 254);

/** As it arrives: text where the bytes are UTF-8. */
function arrived(content: Uint8Array): string | Uint8Array {
  return utf8Text(content) ?? content;
}

it('give back what the serializers were given', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.uint8Array(), fc.jsonValue(), (string, array, value) => {
      const wellFormed = string.toWellFormed();
      expect(deserialized(text(), arrived(text().serialize(wellFormed, 't')), { topic: 't' })).toBe(wellFormed);
      expect(deserialized(bytes(), arrived(bytes().serialize(array, 't')), { topic: 't' })).toEqual(array);
      const once = JSON.parse(JSON.stringify(value)) as unknown;
      expect(deserialized(json<unknown>(), arrived(json<unknown>().serialize(value, 't')), { topic: 't' })).toEqual(
        once,
      );
    }),
  );
});

it('refuse bytes that are no text', () => {
  expect(() => deserialized(text(), NO_TEXT, { topic: 't' })).toThrow(TypeError);
  expect(() => deserialized(json(), NO_TEXT, { topic: 't' })).toThrow(TypeError);
  expect(deserialized(textOrBytes, NO_TEXT, { topic: 't' })).toBe(NO_TEXT);
  expect(deserialized(textOrBytes, 'a', { topic: 't' })).toBe('a');
});

it('keep no view of bytes that are a part of many more', () => {
  const view = NO_TEXT.subarray(0);
  const given = deserialized(bytes(), view, { topic: 't', isView: true });
  expect(given).toEqual(NO_TEXT);
  expect(given.buffer).not.toBe(view.buffer);
});

it('of an application get bytes, and the topic', () => {
  const own: Deserializer<string> = { deserialize: (content, topic) => `${topic}: ${content.length} bytes` };
  expect(deserialized(own, 'größer', { topic: 'orders' })).toBe('orders: 8 bytes');
});
