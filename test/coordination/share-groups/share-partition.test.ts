import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { acknowledge } from '../../../lib/coordination/share-groups/acknowledge.ts';
import { acquire, nextToRead, type ReadBatch } from '../../../lib/coordination/share-groups/acquire.ts';
import {
  countDone,
  countInFlight,
  endOffset,
  nextUnlockMs,
  type SharePartition,
  withEndAt,
  withoutLocksOf,
  withoutOverdueLocks,
  withStartAt,
} from '../../../lib/coordination/share-groups/share-partition.ts';
import {
  encodeSharePartition,
  parseSharePartitionKey,
  sharePartitionKey,
} from '../../../lib/coordination/share-groups/share-partition-item.ts';
import { shareGroupLimits } from '../../../lib/kernel/limits/share-groups.ts';
import { Both, LIMITS, LOCK_MS, type Log, logArbitrary, stepArbitrary } from './share-steps.ts';

test('does with runs of records what is done with each record by itself', () => {
  fc.assert(
    fc.property(logArbitrary, fc.array(stepArbitrary, { minLength: 1, maxLength: 60 }), (log, steps) => {
      const both = new Both(log);
      for (const step of steps) both.run(step);
      expect(both.state.startOffset).toBe(both.naive.start);
    }),
    { numRuns: 400 },
  );
});

test('delivers every record in the end, and each as often as it may be at most, if members do nothing with them', () => {
  const log: Log = { batches: Array.from({ length: 8 }, (_, at) => ({ firstOffset: at * 5, lastOffset: at * 5 + 4 })) };
  const both = new Both(log);
  for (let round = 0; round < 400 && both.state.startOffset < 40; round++) {
    both.run({ step: 'acquire', member: 'a', maxRecords: 7, batches: 2, batchSize: 5, strict: false });
    both.run({ step: 'wait', ms: LOCK_MS });
  }
  expect(both.state).toEqual({ startOffset: 40, runs: [] });
  const counts = new Set(both.naive.delivered.values());
  expect([both.naive.delivered.size, [...counts]]).toEqual([40, [LIMITS.deliveriesMax]]);
});

describe('acquiring', () => {
  const ten: ReadBatch[] = [
    { firstOffset: 0, lastOffset: 4 },
    { firstOffset: 5, lastOffset: 9 },
  ];
  const lock = { memberId: 'a', untilMs: 5_000 };
  const fresh: SharePartition = { startOffset: 0, runs: [] };
  const wanting = { lock, readFrom: 0, batches: ten, maxRecords: 3, batchSize: 100, strict: false, limits: LIMITS };

  test('goes to the end of a record batch, unless exactly so many are asked for', () => {
    expect(acquire(fresh, wanting).acquired).toEqual([{ firstOffset: 0, lastOffset: 4, deliveries: 1 }]);
    expect(acquire(fresh, { ...wanting, strict: true }).acquired).toEqual([
      { firstOffset: 0, lastOffset: 2, deliveries: 1 },
    ]);
  });

  test('divides what is new into parts that begin with a record batch', () => {
    const parts = acquire(fresh, { ...wanting, maxRecords: 10, batchSize: 2 }).acquired;
    expect(parts.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset])).toEqual([
      [0, 4],
      [5, 9],
    ]);
  });

  test('gives what could be given for the last time alone, and what was given often in halves', () => {
    const rules = { deliveriesMax: 5, inFlightMax: 100 };
    const deliver = (state: SharePartition) => {
      const from = nextToRead(state, rules) ?? 0;
      const batches = ten.filter(({ lastOffset }) => lastOffset >= from);
      const done = acquire(state, { ...wanting, readFrom: from, batches, maxRecords: 10, limits: rules });
      return { state: withoutLocksOf(done.next, 'a', 5), acquired: done.acquired };
    };
    let now = deliver(fresh);
    const sizes: number[] = [];
    for (let round = 0; round < 8; round++) {
      sizes.push(now.acquired.reduce((sum, part) => sum + part.lastOffset - part.firstOffset + 1, 0));
      now = deliver(now.state);
    }
    expect(sizes).toEqual([10, 10, 10, 5, 1, 1, 1, 1]);
  });

  test('stops at the records that may be in flight, and goes on where some of them come back', () => {
    const limits = { deliveriesMax: 5, inFlightMax: 5 };
    const { next } = acquire(fresh, { ...wanting, maxRecords: 10, limits });
    expect([countInFlight(next), nextToRead(next, limits)]).toEqual([5, undefined]);
    const back = acknowledge(next, {
      memberId: 'a',
      batches: [{ firstOffset: 2, lastOffset: 2, types: ['release'] }],
      renewedUntilMs: 0,
      deliveriesMax: 5,
    });
    if (back.outcome === 'refused') throw new Error(back.detail);
    expect(nextToRead(back.next, limits)).toBe(2);
    const again = acquire(back.next, { ...wanting, readFrom: 2, maxRecords: 10, limits });
    expect(again.acquired).toEqual([{ firstOffset: 2, lastOffset: 2, deliveries: 2 }]);
  });
});

test('says when the next lock ends, and takes one of a clock far ahead for none', () => {
  const lock = { memberId: 'a', untilMs: 10_000 };
  const held: SharePartition = { startOffset: 3, runs: [{ first: 3, end: 5, state: 'acquired', deliveries: 1, lock }] };
  const rules = { deliveriesMax: 5, lockMsMax: 1_000 };
  expect(nextUnlockMs(held)).toBe(10_000);
  expect(withoutOverdueLocks(held, { ...rules, nowMs: 9_999 })).toBe(held);
  expect(nextUnlockMs(withoutOverdueLocks(held, { ...rules, nowMs: 10_000 }))).toBeUndefined();
  expect(nextUnlockMs(withoutOverdueLocks(held, { ...rules, nowMs: 7_999 }))).toBeUndefined();
});

test('follows the log where its start moves on, and where its end was lost', () => {
  const state: SharePartition = {
    startOffset: 10,
    runs: [
      { first: 10, end: 12, state: 'available', deliveries: 1 },
      { first: 12, end: 15, state: 'acknowledged', deliveries: 0 },
      { first: 15, end: 20, state: 'available', deliveries: 2 },
    ],
  };
  expect(countDone(state)).toBe(3);
  expect(withStartAt(state, 13)).toEqual({ startOffset: 15, runs: [state.runs[2]] });
  expect(withStartAt(state, 25)).toEqual({ startOffset: 25, runs: [] });
  expect(endOffset(withEndAt(state, 17))).toBe(17);
  expect(withEndAt(state, 4)).toEqual({ startOffset: 4, runs: [] });
});

test('refuses acknowledgements that are out of order, of the wrong length, or of what nobody has', () => {
  const lock = { memberId: 'a', untilMs: 10_000 };
  const held: SharePartition = { startOffset: 3, runs: [{ first: 3, end: 8, state: 'acquired', deliveries: 1, lock }] };
  const said = (
    memberId: string,
    batches: { firstOffset: number; lastOffset: number; types: ('accept' | 'release')[] }[],
  ) => {
    const done = acknowledge(held, { memberId, batches, renewedUntilMs: 0, deliveriesMax: 5 });
    return done.outcome === 'refused' ? done.because : done.next.startOffset;
  };
  expect(said('a', [{ firstOffset: 0, lastOffset: 4, types: ['accept'] }])).toBe(5);
  expect(said('a', [{ firstOffset: 0, lastOffset: 2, types: ['accept'] }])).toBe(3);
  expect(said('b', [{ firstOffset: 3, lastOffset: 3, types: ['accept'] }])).toBe('state');
  expect(said('a', [{ firstOffset: 3, lastOffset: 8, types: ['accept'] }])).toBe('request');
  expect(said('a', [{ firstOffset: 3, lastOffset: 5, types: ['accept', 'release'] }])).toBe('request');
  const [one, two] = [3, 5].map((firstOffset) => ({
    firstOffset,
    lastOffset: firstOffset,
    types: ['accept' as const],
  }));
  if (one === undefined || two === undefined) throw new Error('two batches');
  expect(said('a', [two, one])).toBe('request');
  expect(said('a', [one, one])).toBe('state');
});

test('names its item so that a group’s share partitions are in the order of their partitions', () => {
  const key = sharePartitionKey({ group: 'g', topicId: 'abc', partition: 12 });
  expect(key).toEqual({ pk: 'group#g', sk: 'share#abc#00012' });
  expect(parseSharePartitionKey(key.sk)).toEqual({ topicId: 'abc', partition: 12 });
});

test('keeps an item of as many records as can be in flight, each by itself, below 100 KiB', () => {
  const runs = Array.from({ length: 2 * shareGroupLimits.shareInFlightRecordsMax }, (_, at) =>
    at % 2 === 0
      ? {
          first: at,
          end: at + 1,
          state: 'acquired' as const,
          deliveries: 1,
          lock: { memberId: `member-${at % 1000}-${'x'.repeat(24)}`, untilMs: 1_800_000_000_000 + at },
        }
      : { first: at, end: at + 1, state: 'acknowledged' as const, deliveries: 0 },
  );
  const item = encodeSharePartition({
    nonce: 'n',
    version: 1,
    writeId: 'w',
    topic: 't',
    partition: { startOffset: 0, runs },
  });
  const { r } = item;
  expect(r instanceof Uint8Array && r.length).toBeLessThan(100 * 1024);
});
