import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex, utf8 } from '../../../lib/kernel/bytes.ts';
import { type Random, seededRandom } from '../../../lib/kernel/random.ts';
import { KeyMap, keyMapBytes } from '../../../lib/log/compaction/key-map.ts';

const keys = fc.oneof(
  fc.uint8Array({ maxLength: 3 }),
  fc.uint8Array({ min: 0, max: 1, minLength: 7, maxLength: 9 }),
  fc.uint8Array({ maxLength: 100 }),
);
const offsets = fc.oneof(fc.nat(10), fc.constantFrom(2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER));

test('says of every key what was set last, and −1 of keys that were not', () => {
  const sets = fc.array(fc.tuple(keys, offsets), { maxLength: 60 });
  fc.assert(
    fc.property(sets, fc.array(keys), fc.nat(), (given, others, seed) => {
      const map = new KeyMap(keyMapBytes(60), seededRandom(seed));
      const model = new Map<string, number>();
      for (const [key, offset] of given) {
        expect(map.set(key, 0, key.length, offset)).toBe(true);
        model.set(toHex(key), offset);
      }
      for (const key of [...given.map(([set]) => set), ...others]) {
        expect(map.get(key, 0, key.length)).toBe(model.get(toHex(key)) ?? -1);
      }
      expect(map.size).toBe(model.size);
    }),
  );
});

test.each([1, 2, 9, 10, 1_000, 12_345])('has room for exactly %i keys in the memory for so many', (count) => {
  const map = new KeyMap(keyMapBytes(count), seededRandom(count));
  const key = (index: number) => utf8(`key ${index}`);
  const set = (index: number, offset: number) => map.set(key(index), 0, key(index).length, offset);
  for (let index = 0; index < count; index++) {
    expect(map.isFull).toBe(false);
    expect(set(index, index)).toBe(true);
  }
  expect(map.isFull).toBe(true);
  expect(set(count, count)).toBe(false);
  expect(map.get(key(count), 0, key(count).length)).toBe(-1);
  expect(set(count - 1, 7 * count)).toBe(true);
  for (let index = 0; index < count - 1; index++) expect(map.get(key(index), 0, key(index).length)).toBe(index);
  expect(map.get(key(count - 1), 0, key(count - 1).length)).toBe(7 * count);
  expect(map.size).toBe(count);
});

test('finds a key inside other bytes', () => {
  const map = new KeyMap(keyMapBytes(2), seededRandom(1));
  map.set(utf8('a key within'), 2, 5, 40);
  expect(map.get(utf8('key'), 0, 3)).toBe(40);
});

test('draws the key of its hash from the randomness, so that nobody knows which keys collide', () => {
  const drawn: number[] = [];
  const random: Random = {
    fraction: () => 0,
    bytes(length) {
      drawn.push(length);
      return new Uint8Array(length);
    },
  };
  expect(new KeyMap(keyMapBytes(1), random).size).toBe(0);
  expect(drawn).toEqual([16]);
});

test('takes no memory that would not hold a single key', () => {
  expect(() => new KeyMap(24, seededRandom(1))).toThrow('too few');
});
