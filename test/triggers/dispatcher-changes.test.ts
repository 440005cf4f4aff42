import { describe, expect, it } from 'vitest';
import { resetOffsets } from '../../lib/broker/groups/reset-offsets.ts';
import { deleteTopic } from '../../lib/broker/topics/delete-topic.ts';
import { triggerKey } from '../../lib/coordination/triggers/trigger-item.ts';
import type { Write } from '../../lib/kernel/items.ts';
import { DispatchWorld, numbered } from '../support/dispatch-world.ts';

describe('a dispatcher whose time, trigger or topic ends', () => {
  it('hands on at its deadline', async () => {
    const world = await DispatchWorld.make({ trigger: { batchSize: 1, timeoutMs: 10_000 } });
    await world.produce(numbered(0, 20));
    world.handler = async () => {
      await world.clock.sleep(5_000);
      return undefined;
    };
    const summary = await world.dispatch(world.dispatcher(), world.request(), {
      deadlineMs: world.clock.monotonic() + 60_000,
    });
    expect(summary.partitions).toMatchObject([{ end: 'handed-on' }]);
    expect(world.handedOn).toMatchObject([{ trigger: 'f', work: [{ wanted: 20, partition: 0 }] }]);
    expect(await world.committed()).toBe(world.seen.length);
    expect(world.seen.length).toBeGreaterThan(3);
    await world.dispatch(world.dispatcher(), world.handedOn[0]);
    expect(orderOf(world)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('drives 64 partitions at once', async () => {
    const world = await DispatchWorld.make({ partitions: 70 });
    for (let p = 0; p < 70; p++) await world.produce(['x', 'y'], { partition: p });
    let now = 0;
    let most = 0;
    world.handler = async () => {
      most = Math.max(most, ++now);
      await world.clock.sleep(2_000);
      now--;
      return undefined;
    };
    const summary = await world.dispatch(
      world.dispatcher(),
      world.request(...Array.from({ length: 70 }, (_, p) => world.work(2, p))),
    );
    expect(most).toBe(64);
    expect(summary.counts.delivered).toBe(128);
    expect(world.handedOn.flatMap(({ work }) => work)).toHaveLength(6);
  });

  it('notices within seconds that it is disabled, and holds the place', async () => {
    const world = await DispatchWorld.make({ trigger: { batchSize: 1 } });
    await world.produce(numbered(0, 50));
    world.handler = async () => {
      await world.clock.sleep(1_000);
      if (world.seen.length === 3) world.stored = { trigger: { ...world.trigger, enabled: false }, version: 2 };
      return undefined;
    };
    expect((await world.dispatch()).partitions).toMatchObject([{ end: 'disabled' }]);
    expect(world.seen.length).toBeLessThan(9);
    expect(await world.committed()).toBe(world.seen.length);
    expect((await world.lease())?.holder).toBeUndefined();
  });

  it('goes on by a changed trigger', async () => {
    const world = await DispatchWorld.make({ trigger: { batchSize: 1 } });
    await world.produce(numbered(0, 30));
    world.handler = async () => {
      await world.clock.sleep(1_000);
      if (world.seen.length === 2)
        world.stored = { trigger: { ...world.trigger, batchSize: 50, parallelizationFactor: 2 }, version: 2 };
      return undefined;
    };
    expect((await world.dispatch()).partitions).toMatchObject([{ end: 'reached' }]);
    expect(await world.committed()).toBe(30);
    expect(world.seen.length).toBeLessThan(12);
  });

  it('makes no lease for a trigger that it remembers and that has been deleted since', async () => {
    const world = await DispatchWorld.make();
    await world.produce(numbered(0, 3));
    const guard: Write = { kind: 'check', key: triggerKey('f'), conditions: [{ clause: 'item-exists' }] };
    world.stored = { trigger: world.trigger, version: 1, guard };
    expect((await world.dispatch()).partitions).toMatchObject([{ end: 'disabled' }]);
    expect(world.seen).toEqual([]);
    expect(await world.lease()).toBeUndefined();
  });

  it('drops the lease of a topic that is deleted', async () => {
    const world = await DispatchWorld.make({ trigger: { batchSize: 1 } });
    await world.produce(numbered(0, 3));
    await world.dispatch();
    await deleteTopic(world.process.broker, 't');
    expect((await world.dispatch()).partitions).toMatchObject([{ end: 'gone' }]);
    expect(await world.lease()).toBeUndefined();
  });

  it('begins anew where the group is reset while a batch is under way', async () => {
    const world = await DispatchWorld.make({ trigger: { batchSize: 2 } });
    await world.produce(numbered(0, 6));
    let done = false;
    world.handler = async ({ offsets }) => {
      if (offsets[0] === 4 && !done) {
        done = true;
        await resetOffsets(world.process.broker, {
          group: 'g',
          resets: [{ topic: 't', partition: 0, to: { to: 'offset', offset: 1 } }],
        });
      }
      return undefined;
    };
    await world.dispatch();
    expect(orderOf(world)).toEqual([0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
    expect(await world.committed()).toBe(6);
  });
});

function orderOf(world: DispatchWorld): number[] {
  return world.seen.flatMap(({ offsets }) => offsets);
}
