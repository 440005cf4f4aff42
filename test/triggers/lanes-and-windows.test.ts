import { describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { triggerLimits } from '../../lib/kernel/limits/triggers.ts';
import { DispatchWorld, failed, numbered } from '../support/dispatch-world.ts';

describe('lanes, windows and batches that fill', () => {
  it('keeps order by key over lanes, and delivers lanes at once', async () => {
    const world = await DispatchWorld.make({ trigger: { parallelizationFactor: 4, batchSize: 3 } });
    for (let n = 0; n < 40; n++) await world.produce([`${n}`], { key: utf8(`k${n % 7}`) });
    const perKey = new Map<number, number[]>();
    let now = 0;
    let most = 0;
    world.handler = async ({ offsets }) => {
      most = Math.max(most, ++now);
      await world.clock.sleep(50);
      now--;
      for (const offset of offsets) perKey.set(offset % 7, [...(perKey.get(offset % 7) ?? []), offset]);
      return undefined;
    };
    await world.dispatch();
    for (const list of perKey.values()) expect(list).toEqual([...list].sort((a, b) => a - b));
    expect([...perKey.values()].flat().length).toBe(40);
    expect(most).toBeGreaterThan(1);
    expect(await world.committed()).toBe(40);
  });

  it('commits the least of lanes, and redelivers nothing of the others after a handover', async () => {
    const world = await DispatchWorld.make({ trigger: { parallelizationFactor: 2, timeoutMs: 1_000 } });
    await world.produce(numbered(0, 10));
    world.handler = ({ offsets }) =>
      offsets.some((offset) => offset % 2 === 0) && world.seen.length < 30 ? failed : undefined;
    const end = await world.dispatch(world.dispatcher(), world.request(), {
      deadlineMs: world.clock.monotonic() + 18_000,
    });
    expect(end.partitions[0]?.end).toMatch(/handed-on|not-due/);
    expect(await world.committed()).toBe(0);
    world.handler = () => undefined;
    const before = world.seen.length;
    await world.clock.advance(120_000);
    await world.dispatch();
    expect(world.seen.slice(before).flatMap(({ offsets }) => offsets)).toEqual([0, 2, 4, 6, 8]);
    expect(await world.committed()).toBe(10);
  });

  it('waits for a batch to fill, and leaves long waits to the sweeper', async () => {
    const world = await DispatchWorld.make({ trigger: { batchingWindowMs: 5_000, batchSize: 3 } });
    await world.produce(['a']);
    const t0 = world.clock.now();
    await world.dispatch();
    expect((world.seen[0]?.startedMs ?? 0) - t0).toBeGreaterThanOrEqual(5_000);
    const long = await DispatchWorld.make({ trigger: { batchingWindowMs: 60_000, batchSize: 3 } });
    await long.produce(['a']);
    expect((await long.dispatch()).partitions).toMatchObject([{ end: 'not-due' }]);
    expect(long.seen).toHaveLength(0);
    await long.produce(['b']);
    expect((await long.dispatch(long.dispatcher(), long.request(long.work(2)))).partitions).toMatchObject([
      { end: 'not-due' },
    ]);
    await long.produce(['c']);
    expect((await long.dispatch(long.dispatcher(), long.request(long.work(3)))).partitions).toMatchObject([
      { end: 'reached' },
    ]);
    expect(long.seen.map(({ values }) => values)).toEqual([['a', 'b', 'c']]);
  });

  it('passes state on in windows and ends them, by records and by time', async () => {
    const world = await DispatchWorld.make({ trigger: { tumblingWindowMs: 10_000, batchSize: 2 } });
    const base = Math.floor(world.clock.now() / 10_000) * 10_000 - 60_000;
    await world.produce(['a', 'b', 'c'], { timestamp: base + 1 });
    await world.produce(['d'], { timestamp: base + 10_000 });
    world.handler = ({ event, values }) => ({
      response: { state: { all: [...((event['state'] as { all?: string[] }).all ?? []), ...values] } },
    });
    await world.dispatch();
    expect(
      world.seen.map(({ event, values }) => [
        values.join(''),
        event['isFinalInvokeForWindow'],
        (event['state'] as { all?: string[] }).all?.join('') ?? '',
      ]),
    ).toEqual([
      ['ab', false, ''],
      ['c', false, 'ab'],
      ['', true, 'abc'],
      ['d', false, ''],
      ['', true, 'd'],
    ]);
    expect(await world.committed()).toBe(4);
  });

  it('counts failures of the end of a window apart from those of a late record', async () => {
    const world = await DispatchWorld.make({ trigger: { tumblingWindowMs: 10_000, retryAttempts: 1 } });
    const timestamp = Math.floor(world.clock.now() / 10_000) * 10_000 - 60_000;
    await world.produce(['early'], { timestamp });
    world.handler = async ({ event, values }) => {
      const isFirstEnd = event['isFinalInvokeForWindow'] === true && world.seen.length === 2;
      if (isFirstEnd) await world.produce(['late'], { timestamp });
      const isFirstOfLate = values.includes('late') && world.seen.length === 3;
      return isFirstEnd || isFirstOfLate ? failed : { response: { state: {} } };
    };
    await world.dispatch();
    expect(world.seen.map(({ values }) => values)).toEqual([['early'], [], ['late'], ['late'], []]);
    expect(world.given).toEqual([]);
    expect(await world.committed()).toBe(2);
  });

  it('ends a window early whose state is too large', async () => {
    const world = await DispatchWorld.make({ trigger: { tumblingWindowMs: 10_000 } });
    await world.produce(['a'], { timestamp: world.clock.now() - 60_000 });
    world.handler = ({ event }) => ({
      response:
        event['isFinalInvokeForWindow'] === true
          ? {}
          : { state: { x: 'y'.repeat(triggerLimits.triggerWindowStateBytesMax) } },
    });
    await world.dispatch();
    expect(world.seen.map(({ event }) => [event['isFinalInvokeForWindow'], event['isWindowTerminatedEarly']])).toEqual([
      [false, false],
      [true, true],
    ]);
    expect(await world.committed()).toBe(1);
  });
});
