/** Appends that an election cuts off while their own writer is still on its way to the answer. */
import { describe, expect, it } from 'vitest';
import { headView } from '../../../lib/broker/ledger/replicated.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';
import { watch } from '../../support/appending.ts';
import { headOf, makeBroker, makeTopic } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { makeReplicatedStores, type ReplicatedStores } from '../../support/replicas.ts';
import { keyOf, plain, recordsIn, send, valuesIn, type Writer } from '../../support/sequenced.ts';

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
    for (let other = 0; other < producerLimits.producersInHeadMax; other++) {
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

describe('a retry of records that are older than those kept of their producer', () => {
  /** Six batches with acks=all above a gap, which one replica in sync has not, and a retry of the first of them. */
  async function aboveGap() {
    const world = await makeWorld();
    await reach(world, 'leader');
    await send(world, { producer: 'gap', seq: 0, acks: 'leader' });
    await reach(world, 'all');
    const kept = producerLimits.producerBatchesKept;
    const first = Array.from({ length: kept + 1 }, (_, seq) => watch(send(world, { seq })));
    await idle();
    expect(await recordsIn(world)).toBe(kept + 2);
    const retried = watch(send({ ...makeBroker({ stores: world.stores }), ledger: world.ledger }, { seq: 0 }));
    await idle();
    return { world, first, retried };
  }

  it('is not answered for before its original is', async () => {
    const { world, first, retried } = await aboveGap();
    expect([...first, retried].map(({ outcome }) => outcome)).toEqual(Array(first.length + 1).fill('pending'));
    await world.clock.advance(5_000);
    expect(first.map(({ outcome }) => outcome)).toEqual(
      first.map((_, seq) => ({ baseOffset: 1 + seq, duplicate: false })),
    );
    expect(retried.outcome).toMatchObject({ code: 'DUPLICATE_SEQUENCE_NUMBER' });
  });

  it('is not said to be in the log where an election has cut all of them off', async () => {
    const { world, first, retried } = await aboveGap();
    await elect(world);
    await reach(world, 'all');
    await world.clock.advance(5_000);
    for (const { outcome } of first) expect(outcome).toMatchObject({ effect: 'none' });
    expect(await recordsIn(world)).toBe(0);
    expect(retried.outcome).not.toMatchObject({ code: 'DUPLICATE_SEQUENCE_NUMBER' });
    expect(retried.outcome).not.toBe('pending');
  });
});
