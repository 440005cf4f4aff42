import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64Url, toHex } from '../../lib/kernel/bytes.ts';
import {
  commitId,
  ledgerName,
  newObjectId,
  newTopicId,
  OBJECT_ID_BYTES,
  OBJECT_RANDOM_BYTES,
  objectIdText,
  parseObjectId,
} from '../../lib/kernel/ids.ts';
import { type Random, seededRandom, systemRandom } from '../../lib/kernel/random.ts';

const objectId = fc.record({
  birthMs: fc.nat({ max: 2 ** 48 - 1 }),
  random: fc.uint8Array({ minLength: OBJECT_RANDOM_BYTES, maxLength: OBJECT_RANDOM_BYTES }),
});

describe('topic ids', () => {
  it('are random UUIDs of version 4 in 22 characters, never with a dash in front', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const id = newTopicId(seededRandom(seed));
        expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
        expect(toHex(fromBase64Url(id) as Uint8Array)).toMatch(/^.{12}4.{3}[89ab].{15}$/);
      }),
    );
  });

  it('are drawn again while they begin with a dash', () => {
    const drawn: Uint8Array[] = [];
    const random: Random = {
      fraction: () => 0,
      bytes: (length) => {
        const bytes = new Uint8Array(length).fill(drawn.length === 0 ? 0xfb : 0x01); // 0xf8… begins with "-"
        drawn.push(bytes);
        return bytes;
      },
    };
    expect(newTopicId(random).startsWith('-')).toBe(false);
    expect(drawn).toHaveLength(2);
  });
});

describe('ledger names', () => {
  it('differ for different ledgers', () => {
    const id = newTopicId(systemRandom);
    const names = [0, 1, 10, 11].map((index) => ledgerName({ topicId: id, index }));
    expect(new Set(names).size).toBe(4);
  });
});

describe('object ids', () => {
  it('survive their text, which sorts by birth', () => {
    fc.assert(
      fc.property(objectId, objectId, (a, b) => {
        expect(objectIdText(a)).toMatch(/^[0-9a-f]+$/);
        expect(objectIdText(a)).toHaveLength(OBJECT_ID_BYTES * 2);
        expect(parseObjectId(objectIdText(a))).toEqual(a);
        fc.pre(a.birthMs !== b.birthMs);
        expect(objectIdText(a) < objectIdText(b)).toBe(a.birthMs < b.birthMs);
      }),
    );
  });

  it('have exactly one text: no other case, length or character is read', () => {
    const text = objectIdText({ birthMs: 0xabcdef, random: new Uint8Array(8).fill(0xab) });
    expect(parseObjectId(text)).toBeDefined();
    for (const other of [text.toUpperCase(), text.slice(2), `${text}00`, text.replace('a', 'g'), '', ` ${text}`]) {
      expect(parseObjectId(other)).toBeUndefined();
    }
  });

  it('take their time from the caller and their bytes from the source', () => {
    const id = newObjectId(123, { fraction: () => 0, bytes: (length) => new Uint8Array(length).fill(length) });
    expect(id).toEqual({ birthMs: 123, random: new Uint8Array(8).fill(8) });
  });
});

describe('commit ids', () => {
  it('are distinct for every part of an object and for every object', () => {
    fc.assert(
      fc.property(objectId, objectId, fc.nat({ max: 255 }), fc.nat({ max: 255 }), (a, b, part, other) => {
        const same = toHex(a.random) === toHex(b.random) && part === other;
        expect(toHex(commitId(a, part)) === toHex(commitId(b, other))).toBe(same);
        expect(commitId(a, part)).toHaveLength(9);
      }),
    );
  });

  it.each([-1, 256, 0.5])('assert that part %d is a byte', (part) => {
    expect(() => commitId({ birthMs: 0, random: new Uint8Array(8) }, part)).toThrow('is not a byte');
  });
});
