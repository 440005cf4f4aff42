import { describe, expect, test } from 'vitest';
import type { Place } from '../../../lib/broker/groups/places.ts';
import { type ReadLimits, readFairly } from '../../../lib/broker/groups/read-fairly.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import type { Process } from '../../support/broker.ts';
import { groupWorld, produce } from '../../support/group-consumers.ts';

async function world(counts: readonly number[]) {
  const { processes } = await groupWorld({ partitions: counts.length });
  const [process] = processes;
  for (const [partition, count] of counts.entries()) {
    if (count > 0) await produce(process, partition, ...Array.from({ length: count }, () => 'x'.repeat(10)));
  }
  const topic = await process.broker.topics.get('t');
  await process.broker.heads.strong(ledgerOf(topic, 0).ledger);
  const places = counts.map((_, partition): Place => {
    const { name, topicId } = topic;
    return { topic: name, topicId, partition, ...ledgerOf(topic, partition), offset: 0, fresh: false };
  });
  return { process, places };
}

async function read({ broker }: Process, places: readonly Place[], limit: Partial<ReadLimits> = {}) {
  const found = await readFairly(broker, places, { maxRecords: 1_000, maxBytes: 1_000_000, reset: 'none', ...limit });
  return new Map(
    found.map(({ place, records, nextOffset }) => [place.partition, { count: records.length, nextOffset }]),
  );
}

describe('records of many partitions', () => {
  test('are shared evenly, and what some leave goes to others', async () => {
    const { process, places } = await world([100, 2, 0, 100]);
    const found = await read(process, places, { maxRecords: 50 });
    expect(found.get(1)).toEqual({ count: 2, nextOffset: 2 });
    expect(found.has(2)).toBe(false);
    const [a, b] = [found.get(0)?.count ?? 0, found.get(3)?.count ?? 0];
    expect(a + b).toBe(48);
    expect(Math.min(a, b)).toBeGreaterThanOrEqual(16);
  });

  test('are no more than asked for, and one in any case', async () => {
    const { process, places } = await world([5, 5, 5]);
    const total = (found: Map<number, { count: number }>) =>
      [...found.values()].reduce((sum, { count }) => sum + count, 0);
    expect(total(await read(process, places, { maxRecords: 2 }))).toBe(2);
    expect(total(await read(process, places, { maxRecords: 1 }))).toBe(1);
    expect(total(await read(process, places, { maxBytes: 0 }))).toBeGreaterThanOrEqual(1);
    expect(total(await read(process, places, { maxBytes: 40 }))).toBeLessThanOrEqual(6);
  });

  test('begin with any of them, so that none is always last', async () => {
    const { process, places } = await world([5, 5, 5, 5]);
    const first = new Set<number>();
    for (let turn = 0; turn < 100; turn++) {
      for (const partition of (await read(process, places, { maxRecords: 1 })).keys()) first.add(partition);
    }
    expect(first.size).toBe(4);
  });

  test('come where others cannot be read now, and the fault is said where there are none', async () => {
    const { process, places } = await world([1, 1]);
    const { runs } = process.broker;
    const proceed = runs.read.bind(runs);
    const away = new Set([0]);
    runs.read = (run, ...args) => {
      if (away.has(run.slot)) throw new MillraceError('KAFKA_STORAGE_ERROR', 'Away.');
      return proceed(run, ...args);
    };
    expect((await read(process, places)).size).toBe(1);
    away.add(1);
    await expect(read(process, places)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });

  test('go on where the reset says, of a place that is not in the partition any more', async () => {
    const { process, places } = await world([3]);
    const [place] = places as [Place];
    place.offset = 9;
    await expect(read(process, places)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect(await read(process, places, { reset: 'earliest' })).toEqual(new Map([[0, { count: 3, nextOffset: 3 }]]));
    place.offset = 9;
    expect(await read(process, places, { reset: 'latest' })).toEqual(new Map());
    expect(place).toMatchObject({ offset: 3, fresh: true });
  });
});
