import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes, Write } from '../../../lib/kernel/items.ts';
import type { Subject } from '../../../lib/log/erasure/erase.ts';
import {
  decodeErasure,
  type ErasureTopics,
  erasureCreatedMs,
  erasureId,
  erasureKey,
  isErasureId,
  planErasure,
  planErasureChange,
} from '../../../lib/log/erasure/erasure-item.ts';

const ID = erasureId(1_767_225_600_000, '0123abcd');

const bytes = fc.uint8Array({ maxLength: 40 });
const subjects: fc.Arbitrary<Subject> = fc.oneof(
  fc.record({ kind: fc.constant('key' as const), key: bytes }),
  fc.record({ kind: fc.constant('header' as const), name: fc.string(), value: bytes }),
);
const topics: fc.Arbitrary<ErasureTopics> = fc.oneof(
  fc.record({ names: fc.array(fc.string({ minLength: 1 }), { minLength: 1 }) }),
  fc.record({ pattern: fc.string({ minLength: 1 }) }),
);

function attributesOf(write: Write): Attributes {
  expect(write).toMatchObject({ kind: 'put', key: erasureKey(ID), conditions: [{ clause: 'item-absent' }] });
  return (write as Extract<Write, { kind: 'put' }>).attributes;
}

/** As a store does it. */
function applied(item: Attributes, write: Write): Attributes {
  const { changes, conditions } = write as Extract<Write, { kind: 'update' }>;
  expect(conditions).toEqual([{ clause: 'equals', attribute: 'v', value: item['v'] }]);
  const next: Attributes = { ...item, ...changes.set };
  for (const [name, by] of Object.entries(changes.add ?? {})) next[name] = ((item[name] ?? 0) as number) + by;
  for (const name of changes.remove ?? []) delete next[name];
  return next;
}

describe('an erasure', () => {
  it('is read as it was asked for', () => {
    fc.assert(
      fc.property(topics, subjects, (which, subject) => {
        expect(decodeErasure(ID, attributesOf(planErasure(ID, which, subject)))).toEqual({
          id: ID,
          version: 1,
          state: 'fixing',
          topics: which,
          match: subject.kind === 'key' ? { kind: 'key' } : { kind: 'header', name: subject.name },
          subject,
          nextMs: 0,
          left: false,
          objectsDeleted: 0,
        });
      }),
    );
  });

  it('forgets its subject with its end, and nothing else', () => {
    fc.assert(
      fc.property(topics, subjects, (which, subject) => {
        const asked = attributesOf(planErasure(ID, which, subject));
        const erased = applied(
          asked,
          planErasureChange(decodeErasure(ID, asked), { state: 'clearing', erasedMs: 5, problem: 'a problem' }),
        );
        expect(decodeErasure(ID, erased)).toMatchObject({ version: 2, subject, erasedMs: 5, problem: 'a problem' });
        const done = applied(
          erased,
          planErasureChange(decodeErasure(ID, erased), { state: 'done', doneMs: 7, problem: null, objectsDeleted: 3 }),
        );
        const after = decodeErasure(ID, done);
        expect(after).toMatchObject({ version: 3, state: 'done', doneMs: 7, objectsDeleted: 3, topics: which });
        expect(after).not.toHaveProperty('subject');
        expect(after).not.toHaveProperty('problem');
        expect(after.match).toEqual(decodeErasure(ID, asked).match);
        expect(Object.values(done).filter((value) => value instanceof Uint8Array)).toEqual([]);
      }),
    );
  });

  it('has an id that says when it was asked for, so that they are listed by that', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.integer({ min: 0, max: 2 ** 48 - 1 }), (a, b) => {
        const [one, other] = [erasureId(a, 'ffffffff'), erasureId(b, '00000000')];
        expect(erasureCreatedMs({ id: one })).toBe(a);
        expect(isErasureId(one)).toBe(true);
        expect(one < other).toBe(a < b);
      }),
    );
    for (const text of ['', 'x'.repeat(20), ID.toUpperCase(), `${ID}0`]) expect(isErasureId(text)).toBe(false);
  });
});
