/** What elections do to writers: what was cut off, and what becomes of its sequences, retries and late attempts. */
import { describe, expect, it } from 'vitest';
import { settled } from '../../../lib/broker/broker.ts';
import { headView, highWatermark } from '../../../lib/broker/ledger/replicated.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';
import { watch } from '../../support/appending.ts';
import { headOf, lost, makeBroker, makeTopic } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { makeReplicatedStores, type ReplicatedStores } from '../../support/replicas.ts';
import { keyOf, plain, send, valuesIn, type Writer } from '../../support/sequenced.ts';

type World = Writer & { stores: ReplicatedStores };

async function makeWorld(): Promise<World> {
  const stores = makeReplicatedStores();
  return { ...(await makeTopic({ stores, replicationFactor: 3 })), stores };
}

function otherProcess({ stores, ledger }: World): World {
  return { ...makeBroker({ stores }), stores, ledger };
}

async function stateOf({ stores, ledger }: World) {
  const head = await headOf(stores.metadata, ledger);
  const state = headView(head)?.state;
  if (state === undefined) throw new Error('the ledger is replicated');
  return { head, ...state };
}

/** From now on nobody but the leader can be written to, or everybody but the leader. */
async function reach({ stores, ...world }: World, whom: 'leader' | 'followers' | 'all'): Promise<void> {
  const { leader } = await stateOf({ stores, ...world });
  for (const [id, replica] of stores.replicas.entries()) {
    const reached = whom === 'all' || (id === leader) === (whom === 'leader');
    replica.fault = reached ? undefined : 'down';
  }
}

/** Another leader is elected, because someone wants to write and cannot. */
async function elect(world: World): Promise<void> {
  await reach(world, 'followers');
  const writing = plain(world, 1);
  await world.clock.until(writing);
  await writing;
}

describe('an election', () => {
  it('cuts off what only the dead leader had, and tells who waited that it is not in the log', async () => {
    const world = await makeWorld();
    await plain(world, 0, 'kept');
    await reach(world, 'leader');
    await expect(send(world, { producer: 'a', seq: 0, acks: 'leader' })).resolves.toMatchObject({ baseOffset: 1 });
    // Everybody in sync has this one, and it lies above the gap of the other.
    await reach(world, 'all');
    const above = watch(plain(world, 0, 'above the gap'));
    await idle();
    expect((await stateOf(world)).head.next[0]).toBe(3);
    expect(above.outcome).toBe('pending');
    await elect(otherProcess(world));
    await world.clock.advance(2_000);
    expect(above.outcome).toMatchObject({ code: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', effect: 'none' });
    expect(await valuesIn(world)).toEqual(['kept']);
    expect((await stateOf(world)).head.epoch).toBe(1);
  });

  it('gives a producer in the head its sequences back, so that the same batch is let in again, once', async () => {
    const world = await makeWorld();
    await send(world, { seq: 0 });
    await reach(world, 'leader');
    await expect(send(world, { seq: 1, acks: 'leader' })).resolves.toMatchObject({ baseOffset: 1 });
    const other = otherProcess(world);
    await elect(other);
    await reach(world, 'all');
    await expect(send(other, { seq: 1 })).resolves.toEqual({ baseOffset: 1, duplicate: false });
    await expect(send(world, { seq: 1 })).resolves.toEqual({ baseOffset: 1, duplicate: true });
    await expect(send(world, { seq: 2 })).resolves.toEqual({ baseOffset: 2, duplicate: false });
    expect(await valuesIn(world)).toEqual(['p 0 0 0', 'p 0 0 1', 'p 0 0 2']);
  });

  it('counts for a producer with an item of its own too, in whatever process', async () => {
    const world = await makeWorld();
    for (let other = 0; other < producerLimits.producersInHeadMax; other++) {
      await send(world, { producer: `other${other}`, seq: 0, slot: 2 });
    }
    await send(world, { seq: 0 });
    expect((await stateOf(world)).head.producers.has(keyOf('p'))).toBe(false);
    await reach(world, 'leader');
    await expect(send(world, { seq: 1, acks: 'leader' })).resolves.toMatchObject({ baseOffset: 1 });
    expect((await stateOf(world)).head.producers.has(keyOf('p'))).toBe(false);
    const other = otherProcess(world);
    await elect(other);
    await reach(world, 'all');
    await expect(send(otherProcess(world), { seq: 1 })).resolves.toEqual({ baseOffset: 1, duplicate: false });
    await expect(send(world, { seq: 1 })).resolves.toEqual({ baseOffset: 1, duplicate: true });
    expect(await valuesIn(world)).toEqual(['p 0 0 0', 'p 0 0 1']);
  });

  it('is not to be outlived by an attempt of the old epoch, which arrives late', async () => {
    const world = await makeWorld();
    await plain(world, 0, 'kept');
    await reach(world, 'leader');
    let late: (() => Promise<unknown>) | undefined;
    world.metadata.onWrite = async (proceed, writes) => {
      if (writes[0]?.key.sk !== 'head' || late !== undefined) return proceed();
      late = proceed;
      world.metadata.onGet = () => new Promise(() => {}); // it cannot find out what became of it
      throw lost();
    };
    const frozen = watch(send(world, { seq: 0, acks: 'leader' }));
    await idle();
    expect(late).toBeDefined();
    const other = otherProcess(world);
    await elect(other);
    await late?.();
    await reach(world, 'all');
    expect(await valuesIn(other)).toEqual(['kept']);
    expect(frozen.outcome).toBe('pending');
  });

  it('is seen by a writer whose commit was cut off before it heard of it: it appends again, under another id', async () => {
    const world = await makeWorld();
    await plain(world, 0, 'kept');
    await reach(world, 'leader');
    const gate = Promise.withResolvers<void>();
    let applied = false;
    world.metadata.onWrite = async (proceed, writes) => {
      if (writes[0]?.key.sk !== 'head' || applied) return proceed();
      applied = true;
      await proceed();
      await gate.promise;
      throw lost();
    };
    const writing = send(world, { seq: 0, acks: 'leader' });
    await idle();
    expect(await valuesIn(world)).toEqual(['kept', 'p 0 0 0']);
    await elect(otherProcess(world));
    expect(await valuesIn(world)).toEqual(['kept']);
    await reach(world, 'all');
    gate.resolve();
    await world.clock.until(writing);
    await expect(writing).resolves.toEqual({ baseOffset: 1, duplicate: false });
    expect(await valuesIn(world)).toEqual(['kept', 'p 0 0 0']);
    const { head } = await stateOf(world);
    expect(head.tail.at(-1)).toMatchObject({ part: 1, replicated: { epoch: 1 } });
    await settled(world.broker);
    expect(highWatermark((await stateOf(world)).head, 0)).toBe(2);
  });
});
