import { expect, it } from 'vitest';
import { producerKey } from '../../../lib/broker/produce/producer-key.ts';
import { producerAttribute } from '../../../lib/log/ledger/head.ts';

it("gives every principal's producers keys of their own, of one length", () => {
  const keys = ['', 'a', 'ab'].flatMap((principal) =>
    ['a', 'b', 'bc', '7', 'x'.repeat(128)].map((id) => producerKey(principal, id)),
  );
  expect(new Set(keys).size).toBe(keys.length);
  for (const key of keys) expect(producerAttribute(key)).toMatch(/^p[A-Za-z0-9_-]{12}$/);
  expect(producerKey('a', 'bc')).not.toBe(producerKey('ab', 'c'));
  expect(producerKey('a', 'b')).toBe(producerKey('a', 'b'));
});
