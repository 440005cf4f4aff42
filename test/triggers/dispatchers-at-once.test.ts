import { describe, expect, it } from 'vitest';
import { lost, makeBroker } from '../support/broker.ts';
import { DispatchWorld, failed, numbered } from '../support/dispatch-world.ts';

describe('dispatchers that die, freeze, or are several', () => {
  it('deliver a partition one at a time', async () => {
    const world = await DispatchWorld.make({ trigger: { batchSize: 2 } });
    await world.produce(numbered(0, 10));
    world.handler = async () => {
      await world.clock.sleep(200);
      return undefined;
    };
    const both = Promise.all([1, 2, 3].map(() => world.dispatcher().dispatch(world.request(world.work(10)))));
    await world.clock.until(both, 600_000);
    const ends = (await both).map(({ partitions }) => partitions[0]?.end);
    expect(ends.filter((end) => end === 'reached')).toHaveLength(1);
    expect(ends.filter((end) => end === 'held')).toHaveLength(2);
    expect(orderOf(world)).toEqual(Array.from({ length: 10 }, (_, i) => i));
    expect(world.together.get(0)?.most).toBe(1);
  });

  it('delivers what a wake-up wanted while it was held', async () => {
    const world = await DispatchWorld.make();
    await world.produce(['a']);
    let woken: Promise<unknown> | undefined;
    world.handler = async () => {
      if (world.seen.length === 1) {
        await world.produce(['b']);
        woken = world.dispatcher().dispatch(world.request(world.work(2)));
        await world.clock.sleep(500);
      }
      return undefined;
    };
    await world.dispatch();
    await woken;
    expect(world.seen.map(({ values }) => values)).toEqual([['a'], ['b']]);
    expect(await world.committed()).toBe(2);
  });

  for (const moment of ['before', 'after', 'lost'] as const) {
    it(`loses and reorders nothing when it dies ${moment} each write`, async () => {
      for (let at = 0; at < 12; at++) {
        const world = await DispatchWorld.make({
          trigger: { batchSize: 3, retryAttempts: 0, onFailure: { kind: 'sqs', arn: 'a' } },
        });
        await world.produce(numbered(0, 9));
        const dying = makeBroker({ stores: world.stores });
        let writes = 0;
        let dead = false;
        dying.metadata.onGet = (go) => {
          if (dead) throw new Error('dead');
          return go();
        };
        dying.metadata.onWrite = async (go) => {
          if (dead) throw new Error('dead');
          if (writes++ !== at) return go();
          if (moment === 'before') {
            dead = true;
            throw new Error('dead');
          }
          await go();
          if (moment === 'after') {
            dead = true;
            throw new Error('dead');
          }
          throw lost();
        };
        world.handler = ({ offsets }) => (offsets.includes(4) ? failed : undefined);
        await world.dispatch(world.dispatcher(dying));
        await world.clock.advance(200_000);
        await world.dispatch();
        await world.clock.advance(200_000);
        await world.dispatch();
        expect(await world.committed(), `write ${at}`).toBe(9);
        const firsts = world.seen.map(({ offsets }) => offsets[0] as number);
        expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
        expect(new Set(orderOf(world)).size).toBe(9);
        expect(world.given.length).toBeGreaterThan(0);
        expect(world.together.get(0)?.most).toBe(1);
        // An answer that is lost is asked for again: nothing is delivered twice for it.
        expect(world.seen.length).toBeLessThanOrEqual(moment === 'lost' ? 3 : 5);
      }
    });
  }

  it('commits nothing once another has taken over while it was frozen', async () => {
    const world = await DispatchWorld.make({ trigger: { batchSize: 2, timeoutMs: 1_000 } });
    await world.produce(numbered(0, 4));
    const frozen = makeBroker({ stores: world.stores });
    const thaw = Promise.withResolvers<void>();
    let calls = 0;
    world.handler = async () => {
      if (++calls === 1) await thaw.promise;
      return undefined;
    };
    const first = world.dispatcher(frozen);
    let frozenNow = false;
    frozen.metadata.onWrite = async (go) => {
      if (frozenNow) await thaw.promise;
      return go();
    };
    frozen.metadata.onGet = async (go) => {
      if (frozenNow) await thaw.promise;
      return go();
    };
    const running = first.dispatch(world.request());
    await world.clock.advance(10);
    frozenNow = true;
    await world.clock.advance(120_000);
    const second = await world.dispatch();
    expect(second.partitions).toMatchObject([{ end: 'reached' }]);
    expect(await world.committed()).toBe(4);
    const version = (await world.lease())?.version;
    thaw.resolve();
    frozenNow = false;
    await world.clock.until(running, 600_000);
    expect((await running).partitions).toMatchObject([{ end: 'lost' }]);
    expect((await world.lease())?.version).toBe(version);
    expect(await world.committed()).toBe(4);
  });
});

function orderOf(world: DispatchWorld): number[] {
  return world.seen.flatMap(({ offsets }) => offsets);
}
