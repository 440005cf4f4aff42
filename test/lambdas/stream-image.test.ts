import type { AttributeValue } from 'aws-lambda';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromStreamImage } from '../../lambdas/support/stream-image.ts';
import type { Value } from '../../lib/kernel/items.ts';

/** As Lambda's event has it. */
function streamed(value: Value): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (value instanceof Uint8Array) return { B: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return { L: value.map(streamed) };
  return { M: Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, streamed(inner)])) };
}

const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.uint8Array());
const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('value')),
    fc.dictionary(fc.stringMatching(/^[a-z]+$/), tie('value')),
  ),
})).value;

test('an image is the item that was written, bytes inside lists and maps included', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^a[a-z]*$/), values), (attributes) => {
      const image = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, streamed(value)]));
      const read = fromStreamImage({ ...image, pk: { S: 'p' }, sk: { S: 's' } });
      expect(read).toEqual(Object.fromEntries(Object.entries(attributes)));
    }),
  );
});
