import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { sentence } from '../../lib/kernel/sentence.ts';

test.each([
  ['a read from DynamoDB failed', 'A read from DynamoDB failed.'],
  ['an item is damaged', 'An item is damaged.'],
  ['the lz4 stream is corrupt', 'The lz4 stream is corrupt.'],
  ['there is none', 'There is none.'],
  ['The topic was deleted.', 'The topic was deleted.'],
  ['"orders" is no topic', '"orders" is no topic.'],
  ['3 bytes are left', '3 bytes are left.'],
])('%j reads %j', (text, whole) => {
  expect(sentence(text)).toBe(whole);
  expect(new MillraceError('INVALID_REQUEST', text).message).toBe(whole);
});

test.each(['retention.ms', 'preallocate', 'records[0].key', 'the', 'there.is', 'a'])(
  'a name keeps its case: %s',
  (name) => {
    expect(sentence(`${name}: no`)).toBe(`${name}: no.`);
  },
);

test('a sentence stays as it is', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(sentence(sentence(text))).toBe(sentence(text));
    }),
  );
});
