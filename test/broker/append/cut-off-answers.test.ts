/** Appends that an election cuts off while their own writer is still on its way to the answer. */
import { describe, expect, it } from 'vitest';
import { headView } from '../../../lib/broker/ledger/replicated.ts';
import { limits } from '../../../lib/kernel/limits.ts';
import { headOf, makeBroker, makeTopic } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { makeReplicatedStores, type ReplicatedStores } from '../../support/replicas.ts';
import { keyOf, plain, send, valuesIn, type Writer } from '../../support/sequenced.ts';

type World = Writer & { stores: ReplicatedStores };

async function makeWorld(): Promise<World> {
  const stores = makeReplicatedStores();
  return { ...(await makeTopic({ stores, replicationFactor: 3 })), stores };
}

/** From now on nobody but the leader can be written to, or everybody but the leader. */
async function reach({ stores, ledger }: World, whom: 'leader' | 'followers' | 'all'): Promise<void> {
  const leader = headView(await headOf(stores.metadata, ledger))?.state.leader;
  for (const [id, replica] of stores.replicas.entries()) {
    const reached = whom === 'all' || (id === leader) === (whom === 'leader');
    replica.fault = reached ? undefined : 'down';
  }
}

/** Another leader is elected by another process, which wants to write and cannot. */
async function elect(world: World): Promise<void> {
  const { stores, ledger } = world;
  await reach(world, 'followers');
  const writing = plain({ ...makeBroker({ stores }), ledger }, 1);
  await world.clock.until(writing);
  await writing;
}

describe('an append whose commit is cut off before its writer has seen where it is', () => {
  it('is made again, where its producer has an item of its own and the write did not return the head', async () => {
    const world = await makeWorld();
    for (let other = 0; other < limits.producersInHeadMax; other++) {
      await send(world, { producer: `other${other}`, seq: 0, slot: 2 });
    }
    await send(world, { seq: 0 });
    expect((await headOf(world.stores.metadata, world.ledger)).producers.has(keyOf('p'))).toBe(false);
    await reach(world, 'leader');
    const gate = Promise.withResolvers<void>();
    let applied = false;
    world.metadata.onWrite = async (proceed, writes) => {
      const result = await proceed();
      if (writes.length === 1 || applied) return result;
      applied = true;
      await gate.promise;
      return result;
    };
    const writing = send(world, { seq: 1, acks: 'leader' });
    writing.catch(() => undefined);
    await idle();
    expect(await valuesIn(world)).toEqual(['p 0 0 0', 'p 0 0 1']);
    await elect(world);
    expect(await valuesIn(world)).toEqual(['p 0 0 0']);
    await reach(world, 'all');
    gate.resolve();
    await world.clock.until(writing);
    await expect(writing).resolves.toEqual({ baseOffset: 1, duplicate: false });
    expect(await valuesIn(world)).toEqual(['p 0 0 0', 'p 0 0 1']);
    await expect(send(world, { seq: 2 })).resolves.toEqual({ baseOffset: 2, duplicate: false });
  });
});
