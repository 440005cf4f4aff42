import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dataView } from '../../../lib/kernel/bytes.ts';
import { ATTRIBUTE, FIELD, readBatchHeader } from '../../../lib/log/record-batch/header.ts';
import { seal } from '../record-batch/raw-batch.ts';
import {
  compact,
  endOf,
  newestRecords,
  offsetsOf,
  recordsOf,
  type StoredLog,
  someLog,
  storedLog,
  tableOf,
} from './stored-log.ts';

const NOW = 10_000;
const RETENTION = 100;
const tinyMaps = fc.integer({ min: 1, max: 14 });

/** Range after range at one time, until nothing is dirty. */
function compactAll(log: StoredLog, keys: number, nowMs = NOW): StoredLog {
  let [cleaned, end] = [log, 0];
  while (end < endOf(log)) {
    const pass = compact(cleaned, { from: end, to: endOf(log), nowMs, deleteRetentionMs: RETENTION, keys });
    expect(pass.end).toBeGreaterThan(end);
    [cleaned, end] = [pass.log, pass.end];
  }
  return cleaned;
}

describe('any log, with a map for a few keys', () => {
  test('keeps exactly the newest record of each key, whole and where it was', () => {
    fc.assert(
      fc.property(someLog, tinyMaps, (log, keys) => {
        expect(recordsOf(compactAll(log, keys))).toEqual(newestRecords(recordsOf(log)));
      }),
    );
  });

  test('after each range says the same of every key, and leaves alone what is above', () => {
    fc.assert(
      fc.property(someLog, tinyMaps, (log, keys) => {
        const all = recordsOf(log);
        let [cleaned, end] = [log, 0];
        while (end < endOf(log)) {
          const pass = compact(cleaned, { from: end, to: endOf(log), nowMs: NOW, keys });
          [cleaned, end] = [pass.log, pass.end];
          expect(tableOf(cleaned)).toEqual(tableOf(log));
          const below = newestRecords(all.filter(({ offset }) => offset < end));
          expect(recordsOf(cleaned)).toEqual([...below, ...all.filter(({ offset }) => offset >= end)]);
          const above = log.filter((batch) => readBatchHeader(batch).baseOffset >= end);
          expect(cleaned.slice(cleaned.length - above.length)).toEqual(above);
        }
      }),
    );
  });

  test('changes no byte where nothing is dirty and no tombstone is due', () => {
    fc.assert(
      fc.property(someLog, tinyMaps, (log, keys) => {
        const cleaned = compactAll(log, keys);
        for (const from of [0, endOf(log)]) {
          const again = compact(cleaned, { from, to: endOf(log), nowMs: NOW + RETENTION - 1 }).log;
          expect(again.every((batch, index) => batch === cleaned[index])).toBe(true);
          expect(again.length).toBe(cleaned.length);
        }
      }),
    );
  });

  test('keeps tombstones until their horizon, and drops them then', () => {
    fc.assert(
      fc.property(someLog, tinyMaps, (log, keys) => {
        const cleaned = compactAll(log, keys);
        const end = endOf(log);
        const later = compact(cleaned, { from: end, to: end, nowMs: NOW + RETENTION }).log;
        expect(recordsOf(later)).toEqual(newestRecords(recordsOf(log)).filter(({ value }) => value !== null));
      }),
    );
  });

  test('says the same of every key however often it is cut off, while the oldest batches are replaced first', () => {
    const cuts = fc.array(fc.record({ batches: fc.nat(12), keys: tinyMaps, passedMs: fc.nat(200) }), { maxLength: 12 });
    fc.assert(
      fc.property(someLog, cuts, (log, attempts) => {
        let [cleaned, end, nowMs] = [log, 0, NOW];
        for (const { batches, keys, passedMs } of attempts) {
          nowMs += passedMs;
          const pass = compact(cleaned, { from: end, to: endOf(log), nowMs, keys, batchesMax: batches });
          if (batches >= cleaned.length) end = pass.end;
          cleaned = pass.log;
          expect(tableOf(cleaned)).toEqual(tableOf(log));
        }
      }),
    );
  });
});

test('gives the batch of a tombstone its horizon in place of the base timestamp, and no record another time', () => {
  const log = storedLog([
    {
      records: [
        { key: 'a', value: null, timestamp: 40 },
        { key: 'b', timestamp: 90_000 },
      ],
    },
  ]);
  const cleaned = compact(log, { from: 0, nowMs: NOW, deleteRetentionMs: 500 }).log;
  const header = readBatchHeader(cleaned[0] as Uint8Array);
  expect(header).toMatchObject({ deleteHorizon: true, baseTimestamp: 10_500, maxTimestamp: 90_000 });
  expect(recordsOf(cleaned)).toEqual(recordsOf(log));
});

test('does not move a horizon that is set', () => {
  const log = storedLog([{ records: [{ key: 'a' }, { key: 'b', value: null }] }, { records: [{ key: 'a' }] }]);
  const once = compact(log, { from: 0, to: 2, nowMs: NOW, deleteRetentionMs: 500 }).log;
  const twice = compact(once, { from: 2, nowMs: NOW + 100, deleteRetentionMs: 500 }).log;
  expect(offsetsOf(twice)).toEqual([1, 2]);
  expect(readBatchHeader(twice[0] as Uint8Array).baseTimestamp).toBe(10_500);
});

test('sets no horizon for a batch that reaches beyond the range: older records of its tombstones may be left', () => {
  const tombstones = [
    { key: 'a', value: null },
    { key: 'b', value: null },
  ];
  const log = storedLog([{ records: [{ key: 'a' }, { key: 'b' }] }, { records: tombstones }]);
  const pass = compact(log, { from: 2, nowMs: NOW, keys: 1 });
  expect(pass.end).toBe(3);
  expect(offsetsOf(pass.log)).toEqual([1, 2, 3]);
  expect(pass.log[1]).toBe(log[1]);
});

test('keeps tombstones for ever where the retention says so', () => {
  const log = storedLog([{ records: [{ key: 'a', value: null }] }]);
  const cleaned = compact(log, { from: 0, nowMs: NOW, deleteRetentionMs: Number.MAX_SAFE_INTEGER }).log;
  expect(recordsOf(cleaned)).toEqual(recordsOf(log));
  expect(offsetsOf(compact(cleaned, { from: 1, nowMs: Number.MAX_SAFE_INTEGER - 1 }).log)).toEqual([0]);
});

test('drops records without a key below the range’s end, and counts them', () => {
  const log = storedLog([{ records: [{ key: null }, { key: 'a' }, { key: null }] }, { records: [{ key: null }] }]);
  const pass = compact(log, { from: 0, to: 3, nowMs: NOW });
  expect(offsetsOf(pass.log)).toEqual([1, 3]);
  expect(pass.keylessRemoved).toBe(2);
});

test('keeps what idempotence and readers know a batch by', () => {
  const four = [{ key: 'a' }, { key: 'b' }, { key: 'a' }, { key: 'b' }];
  const log = storedLog([{ records: four, codec: 'zstd' }, { records: [{ key: 'b' }] }], 40);
  const header = readBatchHeader(compact(log, { from: 0, nowMs: NOW }).log[0] as Uint8Array);
  expect(header).toMatchObject({ baseOffset: 40, lastOffsetDelta: 3, recordCount: 1, compression: 'zstd' });
  expect(header).toMatchObject({ leaderEpoch: 3, producerId: 77n, producerEpoch: 2, baseSequence: 40 });
});

test('keeps a due tombstone above the range’s end, also in a batch that begins below it', () => {
  const log = storedLog([{ records: ['a', 'b', 'c'].map((key) => ({ key, value: null })) }]);
  const cleaned = compact(log, { from: 0, nowMs: NOW, deleteRetentionMs: 0 }).log;
  const pass = compact(cleaned, { from: 0, nowMs: NOW, keys: 1 });
  expect(pass.end).toBe(1);
  expect(offsetsOf(pass.log)).toEqual([1, 2]);
});

test('keeps a control batch, and takes its key for no record’s', () => {
  const [batch] = storedLog([{ records: [{ key: 'a' }] }], 1) as [Uint8Array];
  dataView(batch).setUint16(FIELD.attributes, ATTRIBUTE.control);
  const log = [...storedLog([{ records: [{ key: 'a' }] }]), seal(batch)];
  expect(compact(log, { from: 0, nowMs: NOW }).log).toEqual(log);
  const before = [seal(batch), ...storedLog([{ records: [{ key: 'a' }] }], 2)];
  expect(compact(before, { from: 0, nowMs: NOW }).log).toEqual(before);
});

test('refuses a damaged batch, in both passes', () => {
  const damaged = (batch: Uint8Array | undefined): Uint8Array => {
    const copy = (batch as Uint8Array).slice();
    copy[copy.length - 3] = (copy[copy.length - 3] as number) ^ 1;
    return copy;
  };
  const log = storedLog([{ records: [{ key: 'a' }] }, { records: [{ key: 'a' }] }]);
  const checksum = expect.objectContaining({ code: 'CORRUPT_MESSAGE' });
  expect(() => compact([log[0] as Uint8Array, damaged(log[1])], { from: 0, nowMs: NOW })).toThrow(checksum);
  expect(() => compact([damaged(log[0]), log[1] as Uint8Array], { from: 1, nowMs: NOW })).toThrow(checksum);
});
