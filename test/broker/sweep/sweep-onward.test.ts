import { describe, expect, it } from 'vitest';
import type { Broker } from '../../../lib/broker/broker.ts';
import { sweepOnward } from '../../../lib/broker/sweep/sweep-onward.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { newObjectId } from '../../../lib/kernel/ids.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { encodeFooter } from '../../../lib/log/segment/footer.ts';
import { HOUR_MS, objectName } from '../../../lib/log/segment/object-name.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { TopicWorld } from '../../support/topic-world.ts';

const random = seededRandom(7);

/** A broker whose objects are in memory, and a way to put an object there that no ledger has. */
function worldWithObjects() {
  const world = new TopicWorld();
  const objects = createMemoryObjectStore();
  const broker = { ...world.process().broker, objects } as unknown as Broker;
  const orphan = async (bornMs: number) => {
    const object = newObjectId(bornMs, random);
    const name = objectName('segments', object);
    await objects.put(name, [encodeFooter({ object, parts: [] })]);
    return name;
  };
  const names = async () => (await objects.list('')).objects.map(({ name }) => name);
  return { world, broker, orphan, names };
}

describe('sweeping onward', () => {
  it('deletes orphans that are old enough, and no younger ones', async () => {
    const { world, broker, orphan, names } = worldWithObjects();
    const now = world.clock.now();
    await orphan(now - sweeperLimits.orphanAgeMs - 1);
    await orphan(now - sweeperLimits.sweepLookbackMs);
    const young = await orphan(now - sweeperLimits.orphanAgeMs + 1);
    expect(await sweepOnward(broker)).toMatchObject({ deleted: 2 });
    expect(await names()).toEqual([young]);
  });

  it('goes on from where the last sweep ended, however long ago, also in another process', async () => {
    const { world, broker, orphan, names } = worldWithObjects();
    await sweepOnward(broker);
    const soon = await orphan(world.clock.now() - sweeperLimits.orphanAgeMs + 1);
    world.clock.advance(1);
    expect(await names()).toEqual([soon]);
    world.clock.advance(30 * 24 * HOUR_MS);
    const restarted = { ...broker, metadata: world.process().broker.metadata };
    expect(await sweepOnward(restarted)).toMatchObject({ examined: 1, deleted: 1 });
    expect(await names()).toEqual([]);
    expect(await sweepOnward(restarted)).toEqual({ examined: 0, deleted: 0, unreadable: 0 });
  });

  it('begins with what the last sweep could not judge, but not for ever', async () => {
    const { world, broker, orphan, names } = worldWithObjects();
    const stuck = await orphan(world.clock.now() - sweeperLimits.orphanAgeMs - 1);
    await orphan(world.clock.now() - sweeperLimits.orphanAgeMs);
    const busy = new MillraceError('KAFKA_STORAGE_ERROR', 'not now');
    const failing = Object.assign(Object.create(broker.objects) as Broker['objects'], {
      getTail: (name: string, length: number) =>
        name === stuck ? Promise.reject(busy) : broker.objects.getTail(name, length),
    });
    const broken = { ...broker, objects: failing };
    expect(await sweepOnward(broken)).toMatchObject({ examined: 2, deleted: 1 });
    world.clock.advance(HOUR_MS);
    expect(await sweepOnward(broken)).toMatchObject({ examined: 1, deleted: 0 });
    expect(await sweepOnward(broker)).toMatchObject({ examined: 1, deleted: 1 });
    expect(await names()).toEqual([]);

    await orphan(world.clock.now() - sweeperLimits.orphanAgeMs);
    const unreachable = {
      ...broken,
      objects: { ...failing, list: broker.objects.list.bind(broker.objects), getTail: () => Promise.reject(busy) },
    };
    world.clock.advance(1);
    expect(await sweepOnward(unreachable as unknown as Broker)).toMatchObject({ examined: 1 });
    world.clock.advance(sweeperLimits.sweepLookbackMs + HOUR_MS);
    expect(await sweepOnward(unreachable as unknown as Broker)).toMatchObject({ examined: 1 });
    expect(await sweepOnward(broker)).toMatchObject({ examined: 0 });
  });

  it('does not take a sweep that failed for one that was done', async () => {
    const { world, broker, orphan, names } = worldWithObjects();
    await orphan(world.clock.now() - sweeperLimits.orphanAgeMs - 1);
    const failing = Object.assign(Object.create(broker.objects) as Broker['objects'], {
      list: () => Promise.reject(new Error('no')),
    });
    await expect(sweepOnward({ ...broker, objects: failing })).rejects.toThrow('no');
    await sweepOnward(broker);
    expect(await names()).toEqual([]);
  });

  it('that is stopped goes on with the oldest objects that it has not looked at', async () => {
    const { world, broker, orphan, names } = worldWithObjects();
    const each = sweeperLimits.sweepExaminationsInFlightMax;
    const now = world.clock.now();
    for (let index = 0; index < 3 * each; index++)
      await orphan(now - sweeperLimits.orphanAgeMs - index * 10 * 60_000 - 1);
    const oldestFirst = (await names()).toSorted();
    let left = oldestFirst;
    for (let rounds = 1; left.length > 0; rounds++) {
      expect(rounds).toBeLessThanOrEqual(oldestFirst.length);
      const stop = new AbortController();
      const stopping = Object.assign(Object.create(broker.objects) as Broker['objects'], {
        getTail: (name: string, length: number) => {
          stop.abort();
          return broker.objects.getTail(name, length);
        },
      });
      const { deleted } = await sweepOnward({ ...broker, objects: stopping }, stop.signal);
      expect(deleted).toBeGreaterThan(0);
      expect(deleted).toBeLessThanOrEqual(each);
      left = left.slice(deleted);
      expect((await names()).toSorted()).toEqual(left);
    }
    const stopped = new AbortController();
    stopped.abort();
    await orphan(now - sweeperLimits.orphanAgeMs + 1);
    world.clock.advance(HOUR_MS);
    expect(await sweepOnward(broker, stopped.signal)).toMatchObject({ examined: 0 });
    expect(await sweepOnward(broker)).toMatchObject({ examined: 1, deleted: 1 });
  });
});
