import { expect, test } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { keyMapBytes } from '../../../lib/log/compaction/key-map.ts';
import { NewestOffsets } from '../../../lib/log/compaction/newest-offsets.ts';
import { readBatchHeader } from '../../../lib/log/record-batch/header.ts';
import { type StoredLog, storedLog } from './stored-log.ts';

function rangeFrom(from: number, keys: number): NewestOffsets {
  return new NewestOffsets({ from, memoryBytes: keyMapBytes(keys), random: seededRandom(from) });
}

function offerAll(range: NewestOffsets, log: StoredLog): boolean[] {
  return log.map((batch) => range.offer(batch, readBatchHeader(batch), nodeCompression));
}

test('goes on while the keys are known ones, and ends at the first record that finds no room', () => {
  const range = rangeFrom(0, 2);
  const [known, more] = [
    storedLog([{ records: [{ key: 'a' }, { key: 'b' }] }, { records: [{ key: 'b' }, { key: 'a' }] }]),
    storedLog([{ records: [{ key: 'b' }, { key: 'c' }, { key: 'a' }], codec: 'lz4' }], 4),
  ];
  expect(offerAll(range, known)).toEqual([true, true]);
  expect(range.end).toBe(4);
  expect(offerAll(range, more)).toEqual([false]);
  expect(range.end).toBe(5);
  range.reach(100);
  expect(range.end).toBe(5);
});

test('begins within a batch where the last range ended there', () => {
  const range = rangeFrom(2, 1);
  const log = storedLog([{ records: [{ key: 'a' }] }, { records: [{ key: 'b' }, { key: 'c' }, { key: 'c' }] }]);
  expect(offerAll(range, log)).toEqual([true, true]);
  expect(range).toMatchObject({ size: 1, end: 4 });
});

test('has no room taken by records without a key', () => {
  const range = rangeFrom(0, 1);
  expect(offerAll(range, storedLog([{ records: [{ key: null }, { key: 'a' }, { key: null }] }]))).toEqual([true]);
  expect(range).toMatchObject({ size: 1, end: 3 });
});

test('goes on over offsets that have no records', () => {
  const range = rangeFrom(0, 2);
  offerAll(range, storedLog([{ records: [{ key: 'a' }], gap: 5 }]));
  expect(range.end).toBe(6);
  range.reach(20);
  expect(range.end).toBe(20);
});

test('takes no batch that comes before what it had, and none after its end', () => {
  const log = storedLog([{ records: [{ key: 'a' }] }, { records: [{ key: 'b' }] }]);
  expect(() => offerAll(rangeFrom(0, 2), log.toReversed())).toThrow('order');
  const full = rangeFrom(0, 1);
  expect(offerAll(full, log)).toEqual([true, false]);
  expect(() => offerAll(full, storedLog([{ records: [{ key: 'a' }] }], 2))).toThrow('ended');
});

test('ends where it is told to at the latest, also within a batch', () => {
  const log = storedLog([{ records: [{ key: 'a' }, { key: 'b' }] }, { records: [{ key: 'a' }, { key: 'c' }], gap: 5 }]);
  const endsAt = (to: number) => {
    const range = new NewestOffsets({ from: 0, to, memoryBytes: keyMapBytes(9), random: seededRandom(to) });
    const offered = log.map((batch) => range.end < to && range.offer(batch, readBatchHeader(batch), nodeCompression));
    range.reach(100);
    return { offered, end: range.end, size: range.size };
  };
  expect(endsAt(1)).toEqual({ offered: [false, false], end: 1, size: 1 });
  expect(endsAt(2)).toEqual({ offered: [true, false], end: 2, size: 2 });
  expect(endsAt(3)).toEqual({ offered: [true, false], end: 3, size: 2 });
  expect(endsAt(90)).toEqual({ offered: [true, true], end: 90, size: 3 });
});
