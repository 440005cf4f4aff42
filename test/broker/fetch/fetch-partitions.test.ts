import { describe, expect, it } from 'vitest';
import {
  type FetchPartitionsRequest,
  fetchPartitions,
  type PartitionFetch,
} from '../../../lib/broker/fetch/fetch-partitions.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { batchOf, makeTopic, type Process } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';

const at = (partition: number, fields: Partial<PartitionFetch> = {}): PartitionFetch => ({
  topic: 't',
  partition,
  offset: 0,
  maxBytes: 1_000_000,
  ...fields,
});

function fetch({ broker }: Process, partitions: PartitionFetch[], request: Partial<FetchPartitionsRequest> = {}) {
  return fetchPartitions(broker, { partitions, minBytes: 1, waitMs: 0, maxBytes: 1_000_000, ...request });
}

function produce({ broker }: Process, partition: number, ...values: string[]) {
  return produceBatches(broker, { topic: 't', partition, batches: batchOf(...values), acks: 'all' });
}

/** Of each partition the bytes, or why there are none. */
const outcomes = (found: Awaited<ReturnType<typeof fetchPartitions>>) =>
  found.map((each) => {
    if ('verdict' in each) return each.verdict;
    return 'fault' in each ? each.fault.code : each.fetched.batches.reduce((sum, { length }) => sum + length, 0);
  });

const batchBytes = batchOf('a').length;

describe('what several partitions have', () => {
  it('is shared in the order of the request, within the bytes that are asked for', async () => {
    const process = await makeTopic({ partitions: 3 });
    for (const partition of [0, 1, 2]) for (const value of ['a', 'b']) await produce(process, partition, value);
    const found = await fetch(process, [at(2), at(0), at(1)], { maxBytes: 3 * batchBytes });
    expect(outcomes(found)).toEqual([2 * batchBytes, batchBytes, 0]);
  });

  it('exceeds what is asked for by the first batch of the first partition that has any, and by no other', async () => {
    const process = await makeTopic({ partitions: 3 });
    await produce(process, 1, 'x'.repeat(1_000));
    await produce(process, 2, 'y'.repeat(1_000));
    const found = await fetch(process, [at(0), at(1, { maxBytes: 10 }), at(2, { maxBytes: 10 })]);
    expect(outcomes(found)).toEqual([0, batchOf('x'.repeat(1_000)).length, 0]);
    const [none, , waiting] = found;
    expect(none).toMatchObject({ fetched: { highWatermark: 0 } });
    expect(waiting).toMatchObject({ fetched: { highWatermark: 1, nextOffset: 0 } });
    expect(outcomes(await fetch(process, [at(1)], { maxBytes: 0 }))).toEqual([batchOf('x'.repeat(1_000)).length]);
  });

  it('is not read before there is room for it', async () => {
    const process = await makeTopic({ partitions: 2 });
    for (const partition of [0, 1]) await produce(process, partition, 'a');
    const asked: number[] = [];
    const found = await fetch(process, [at(0), at(1)], {
      room: {
        now: (bytes) => {
          asked.push(bytes);
          return true;
        },
        wait: () => Promise.reject(new Error('there was room')),
      },
    });
    expect(asked).toEqual([2 * batchBytes]);
    expect(outcomes(found)).toEqual([batchBytes, batchBytes]);
  });

  it('gives as much as needs no room where there is none, without waiting', async () => {
    const process = await makeTopic({ partitions: 2 });
    for (const partition of [0, 1]) await produce(process, partition, 'a'.repeat(40_000));
    const room = { now: () => false, wait: () => Promise.reject(new Error('nobody is to wait')) };
    const found = await fetch(process, [at(0), at(1)], { room });
    expect(outcomes(found)).toEqual([batchOf('a'.repeat(40_000)).length, 0]);
  });

  it('reads nothing without room that needs some, wherever it is kept', async () => {
    const process = await makeTopic({ partitions: 3 });
    // The first of them are not among the newest of the ledger any more.
    await produce(process, 0, 'a'.repeat(100_000));
    for (let count = 0; count < 20; count++) await produce(process, 1, 'a');
    await produce(process, 2, 'a'.repeat(100_000));
    const { runs } = process.broker;
    const read = runs.read.bind(runs);
    let reads = 0;
    runs.read = (...wanted) => {
      reads += 1;
      return read(...wanted);
    };
    const room = { now: () => false, wait: () => Promise.resolve(false) };
    for (const partition of [0, 2]) expect(outcomes(await fetch(process, [at(partition)], { room }))).toEqual([0]);
    expect(reads).toBe(0);
    expect(outcomes(await fetch(process, [at(1)], { room }))).toEqual([20 * batchBytes]);
  });

  it('waits for room where its next batch needs some, and reads nothing where nobody waits with it', async () => {
    const process = await makeTopic({ partitions: 1 });
    await produce(process, 0, 'a'.repeat(100_000));
    for (const isThere of [true, false]) {
      const asked: number[] = [];
      const wait = async (bytes: number) => {
        asked.push(bytes);
        return isThere;
      };
      const found = await fetch(process, [at(0)], { room: { now: () => false, wait } });
      const { length } = batchOf('a'.repeat(100_000));
      expect(asked).toEqual([length]);
      expect(outcomes(found)).toEqual([isThere ? length : 0]);
    }
  });
});

describe('the wait', () => {
  it('ends as soon as all partitions together have as many bytes as are wanted', async () => {
    const process = await makeTopic({ partitions: 2 });
    await produce(process, 0, 'a');
    const waiting = fetch(process, [at(0), at(1)], { minBytes: 2 * batchBytes, waitMs: 10_000 });
    await idle();
    await produce(process, 1, 'a');
    expect(await process.clock.until(waiting)).toBeLessThan(10_000);
    expect(outcomes(await waiting)).toEqual([batchBytes, batchBytes]);
  });

  it('ends with what there is when it has lasted long enough', async () => {
    const process = await makeTopic({ partitions: 1 });
    await produce(process, 0, 'a');
    const waiting = fetch(process, [at(0)], { minBytes: 1_000_000, waitMs: 500 });
    expect(await process.clock.until(waiting)).toBe(500);
    expect(outcomes(await waiting)).toEqual([batchBytes]);
  });

  it.each([
    ['an offset beyond the end', at(1, { offset: 7 }), 'OFFSET_OUT_OF_RANGE'],
    ['an offset below 0', at(1, { offset: -1 }), 'OFFSET_OUT_OF_RANGE'],
    ['a partition that is not there', at(5), 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['a leader epoch of the future', at(1, { leaderEpoch: 3 }), 'unknown'],
  ])('does not begin where there is %s, and others get what they have', async (_what, wrong, outcome) => {
    const process = await makeTopic({ partitions: 2 });
    await produce(process, 0, 'a');
    const found = fetch(process, [at(0), wrong], { minBytes: 1_000_000, waitMs: 10_000 });
    expect(await process.clock.until(found)).toBe(0);
    expect(outcomes(await found)).toEqual([batchBytes, outcome]);
  });
});

it('tells readers of an older leader epoch, even by an old head, and serves those of the newest', async () => {
  const process = await makeTopic({ partitions: 1 });
  await produce(process, 0, 'a');
  const raise = { set: { e: 2 }, add: { v: 1 } };
  await process.metadata.write([{ kind: 'update', key: headKey(process.ledger), changes: raise }]);
  expect(outcomes(await fetch(process, [at(0, { leaderEpoch: 2 })]))).toEqual([batchBytes]);
  expect(outcomes(await fetch(process, [at(0, { leaderEpoch: 1 })]))).toEqual(['fenced']);
  expect(outcomes(await fetch(process, [at(0)]))).toEqual([batchBytes]);
});
