import { describe, expect, it } from 'vitest';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import { sweepOnward } from '../../../lib/broker/sweep/sweep-onward.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { HOUR_MS } from '../../../lib/log/segment/object-name.ts';
import {
  afterUncleanElection,
  type FaultyReplica,
  type ReadingWorld,
  readingWorld,
} from '../../support/reading-world.ts';

/** Which replicas have the object. */
async function holders({ replicas }: ReadingWorld, name: string): Promise<number[]> {
  const found = await Promise.all(replicas.map((replica) => replica.getTail(name, 1)));
  return found.flatMap((tail, replica) => (tail === undefined ? [] : [replica]));
}

const replica = ({ replicas }: ReadingWorld, number: number) => replicas[number] as FaultyReplica;

/** All that was put so far is old enough afterwards. */
const grow = ({ clock }: ReadingWorld) => clock.advance(sweeperLimits.orphanAgeMs + 1);

const sweepAll = ({ broker, clock }: ReadingWorld) =>
  sweep(broker, { fromMs: clock.now() - 20 * HOUR_MS, toMs: clock.now() });

describe('a sweep of several replicas', () => {
  it('finds what only one of them has, and looks once at what several have', async () => {
    const world = await readingWorld();
    const names = [await world.orphan(0b100), await world.orphan(0b111), await world.orphan(0b010)];
    await grow(world);
    expect(await sweepAll(world)).toEqual({ examined: 3, deleted: 3, unreadable: 0 });
    for (const name of names) expect(await holders(world, name)).toEqual([]);
  });

  it('leaves alone what is committed, above the high watermark too', async () => {
    const world = await readingWorld();
    const names = [
      await world.append({ values: ['a'] }),
      await world.append({ values: ['b'], holders: 0b001 }),
      await world.append({ values: ['c'], holders: 0b100 }),
    ];
    await grow(world);
    expect(await sweepAll(world)).toEqual({ examined: 3, deleted: 0, unreadable: 0 });
    expect(await Promise.all(names.map((name) => holders(world, name)))).toEqual([[0, 1, 2], [0], [2]]);
  });

  it('deletes what an election cut off', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    const cut = await world.append({ values: ['b'], holders: 0b001 });
    await world.elect(0b110);
    await grow(world);
    expect(await sweepAll(world)).toMatchObject({ examined: 2, deleted: 1 });
    expect(await holders(world, cut)).toEqual([]);
  });

  it('leaves alone what an unclean election may have lost', async () => {
    const world = await afterUncleanElection();
    await world.comeBack();
    await grow(world);
    expect(await sweepAll(world)).toMatchObject({ examined: 4, deleted: 0 });
  });

  it.each([0, 1, 2])(
    'goes on without replica %i, says once that it did, and what it must look at again',
    async (number) => {
      const world = await readingWorld();
      const bornMs = world.clock.now();
      const names = [await world.orphan(0b111), await world.orphan(0b111), await world.orphan(1 << ((number + 1) % 3))];
      await grow(world);
      replica(world, number).fault = 'down';
      const report = await sweepAll(world);
      expect(report).toMatchObject({ examined: 3, deleted: 0, unreadable: 0 });
      expect([...(report.behind ?? [])]).toEqual([[number, expect.any(Number)]]);
      expect(report.behind?.get(number)).toBeLessThanOrEqual(bornMs);
      expect(world.logged.map(({ facts }) => facts['replica'])).toEqual([`bucket-${number}`]);
      replica(world, number).fault = 'none';
      expect(await Promise.all(names.map((name) => holders(world, name)))).toEqual([[number], [number], []]);
    },
  );

  it('says of a replica that does not delete from where on it must be gone through again', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    await world.clock.advance(HOUR_MS);
    const bornMs = world.clock.now();
    const name = await world.orphan(0b011);
    await grow(world);
    replica(world, 1).fault = 'read-only';
    const report = await sweepAll(world);
    expect(report).toMatchObject({ examined: 2, deleted: 0 });
    expect([...(report.behind ?? [])]).toEqual([[1, bornMs]]);
    expect(await holders(world, name)).toEqual([1]);
    replica(world, 1).fault = 'none';
    const { broker, clock } = world;
    expect(await sweep(broker, { fromMs: bornMs, toMs: clock.now(), replica: 1 })).toMatchObject({ deleted: 1 });
    expect(await holders(world, name)).toEqual([]);
  });

  it('passes on what is no fault of storage', async () => {
    const world = await readingWorld();
    await world.orphan(0b001);
    await grow(world);
    replica(world, 2).list = () => Promise.reject(new Error('a bug'));
    await expect(sweepAll(world)).rejects.toThrow('a bug');
  });
});

describe('sweeping onward with several replicas', () => {
  it('goes through a replica that was not there by itself when it is back, and through nothing else again', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'], has: 0b011 });
    const names = [await world.orphan(0b111), await world.orphan(0b100)];
    await grow(world);
    replica(world, 2).fault = 'down';
    expect(await sweepOnward(world.broker)).toMatchObject({ examined: 2, deleted: 0 });
    await grow(world);
    // Still away: what the others have is not looked at again.
    expect(await sweepOnward(world.broker)).toMatchObject({ examined: 0, deleted: 0 });
    await world.clock.advance(1_000);
    replica(world, 2).fault = 'none';
    expect(await sweepOnward(world.broker)).toMatchObject({ examined: 2, deleted: 2 });
    for (const name of names) expect(await holders(world, name)).toEqual([]);
    await world.clock.advance(1_000);
    expect(await sweepOnward(world.broker)).toMatchObject({ examined: 0, deleted: 0 });
  });

  it('sees to a replica that is back though no time has passed', async () => {
    const world = await readingWorld();
    const name = await world.orphan(0b010);
    await grow(world);
    replica(world, 1).fault = 'down';
    await sweepOnward(world.broker);
    replica(world, 1).fault = 'none';
    expect(await sweepOnward(world.broker)).toMatchObject({ examined: 1, deleted: 1 });
    expect(await holders(world, name)).toEqual([]);
  });

  it('goes through it once more where it could not judge all that is there', async () => {
    const world = await readingWorld();
    const name = await world.orphan(0b010);
    await grow(world);
    const away = replica(world, 1);
    away.fault = 'down';
    await sweepOnward(world.broker);
    away.fault = 'none';
    away.getTail = () => Promise.reject(new MillraceError('KAFKA_STORAGE_ERROR', 'not now'));
    expect(await sweepOnward(world.broker)).toMatchObject({ examined: 1, deleted: 0 });
    Reflect.deleteProperty(away, 'getTail');
    expect(await sweepOnward(world.broker)).toMatchObject({ examined: 1, deleted: 1 });
    expect(await holders(world, name)).toEqual([]);
  });

  it('looks back no further than the first sweep of a table does', async () => {
    const world = await readingWorld();
    const name = await world.orphan(0b010);
    await grow(world);
    replica(world, 1).fault = 'down';
    await sweepOnward(world.broker);
    await world.clock.advance(sweeperLimits.sweepLookbackMs);
    replica(world, 1).fault = 'none';
    expect(await sweepOnward(world.broker)).toMatchObject({ examined: 0 });
    expect(await holders(world, name)).toEqual([1]);
  });
});
