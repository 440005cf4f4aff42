/** Appending to ledgers with three replicas, through faults of the replicas. */
import { describe, expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import { settled } from '../../../lib/broker/broker.ts';
import { headView, highWatermark } from '../../../lib/broker/ledger/replicated.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { heldUpTo } from '../../../lib/coordination/replication/ledger-view.ts';
import type { MillraceError } from '../../../lib/kernel/errors.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { append, watch } from '../../support/appending.ts';
import { batchOf, headOf, makeBroker, makeTopic, type Process, runsOf } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { FAULTS, makeReplicatedStores, type ReplicatedStores } from '../../support/replicas.ts';

type World = Process & { stores: ReplicatedStores; ledger: Awaited<ReturnType<typeof makeTopic>>['ledger'] };

async function makeWorld(options: { minInSync?: number; inlineBytesMax?: number } = {}): Promise<World> {
  const stores = makeReplicatedStores(options);
  const config = { 'min.insync.replicas': String(options.minInSync ?? 1) };
  const process = await makeTopic({ stores, replicationFactor: 3, config });
  return { ...process, stores };
}

/** One record with these acks, to partition 0. */
function produce({ broker, ledger }: World, value: string, acks: 'leader' | 'all', minInSync = 1) {
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  const rules = { minInSync, uncleanAllowed: false };
  return broker.appender.appendOnce({ ledger, slot: 0, run: runOf([batchOf(value)]), acks, rules, deadlineMs });
}

async function stateOf({ stores, ledger }: World) {
  const head = await headOf(stores.metadata, ledger);
  const view = headView(head);
  if (view === undefined) throw new Error('the ledger is replicated');
  return { head, view, ...view.state, highWatermark: highWatermark(head, 0) };
}

describe('a replicated append', () => {
  it('is held by every replica before it is answered with acks=all', async () => {
    const world = await makeWorld();
    await expect(produce(world, 'a', 'all')).resolves.toEqual({ baseOffset: 0, duplicate: false });
    expect(world.stores.replicas.map(({ puts }) => puts.length)).toEqual([1, 1, 1]);
    const { head, highWatermark: end } = await stateOf(world);
    expect(head.tail[0]?.replicated).toEqual({ holders: 0b111, epoch: 0 });
    expect(end).toBe(1);
  });

  it('is answered with acks=leader once the leader has it, and notes later who else does', async () => {
    const world = await makeWorld();
    const { leader } = await stateOf(world);
    const follower = world.stores.replicas[(leader + 1) % 3] as ReplicatedStores['replicas'][0];
    const gate = Promise.withResolvers<void>();
    follower.gate = gate.promise;
    await expect(produce(world, 'a', 'leader')).resolves.toEqual({ baseOffset: 0, duplicate: false });
    expect((await stateOf(world)).highWatermark).toBe(0);
    gate.resolve();
    await settled(world.broker);
    const { view, highWatermark: end } = await stateOf(world);
    expect(view.state.replicas.map((replica) => heldUpTo(view, replica))).toEqual([1, 1, 1]);
    expect(end).toBe(1);
  });

  it('with acks=all is not answered above a gap that acks=leader left, until it is closed', async () => {
    const world = await makeWorld();
    const { leader } = await stateOf(world);
    const follower = world.stores.replicas[(leader + 1) % 3] as ReplicatedStores['replicas'][0];
    const gate = Promise.withResolvers<void>();
    follower.gate = gate.promise;
    await produce(world, 'a', 'leader');
    follower.gate = undefined;
    const second = watch(produce(world, 'b', 'all'));
    await idle();
    expect((await stateOf(world)).head.next[0]).toBe(2);
    expect(second.outcome).toBe('pending');
    gate.resolve();
    await world.clock.advance(2_000);
    expect(second.outcome).toEqual({ baseOffset: 1, duplicate: false });
  });

  it('is refused before anything is stored where fewer replicas are in sync than acks=all wants', async () => {
    const world = await makeWorld();
    await expect(produce(world, 'a', 'all', 4)).rejects.toMatchObject({ code: 'NOT_ENOUGH_REPLICAS', effect: 'none' });
    expect(world.stores.replicas.flatMap(({ puts }) => puts)).toEqual([]);
    await expect(produce(world, 'a', 'leader', 4)).resolves.toMatchObject({ baseOffset: 0 });
  });

  it('that is refused so has the replicas looked after, so that those that are back are in sync soon', async () => {
    const world = await makeWorld();
    const { leader } = await stateOf(world);
    for (const [id, replica] of world.stores.replicas.entries()) if (id !== leader) replica.fault = 'down';
    await world.clock.until(produce(world, 'a', 'leader'));
    for (let second = 0; second < 20; second++) {
      const tried = produce(world, 'b', 'leader');
      await world.clock.until(tried);
      await world.clock.advance(1_000);
    }
    expect((await stateOf(world)).inSync).toBe(1 << leader);
    for (const replica of world.stores.replicas) replica.fault = undefined;
    const outcomes: string[] = [];
    for (let second = 0; second < 40 && outcomes.at(-1) !== 'written'; second++) {
      const tried = produce(world, 'c', 'all', 2).then(
        () => 'written',
        ({ code }: MillraceError) => code,
      );
      await world.clock.until(tried);
      outcomes.push(await tried);
      await world.clock.advance(1_000);
    }
    expect([outcomes[0], outcomes.at(-1)]).toEqual(['NOT_ENOUGH_REPLICAS', 'written']);
  });

  it('is not refused by what the process saw of the replicas before: they may be back', async () => {
    const world = await makeWorld();
    const other: World = { ...makeBroker({ stores: world.stores }), stores: world.stores, ledger: world.ledger };
    const { leader } = await stateOf(world);
    const failed = (leader + 1) % 3;
    const store = world.stores.replicas[failed] as ReplicatedStores['replicas'][0];
    store.fault = 'down';
    await world.clock.until(produce(world, 'a', 'all'));
    await expect(produce(world, 'b', 'all', 3)).rejects.toMatchObject({ code: 'NOT_ENOUGH_REPLICAS' });
    store.fault = undefined;
    for (let second = 0; second < 60 && (await stateOf(world)).inSync !== 0b111; second++) {
      await other.broker.keeper.look(world.ledger, { minInSync: 3, uncleanAllowed: false });
      await world.clock.advance(1_000);
    }
    await expect(produce(world, 'b', 'all', 3)).resolves.toMatchObject({ baseOffset: 1 });
  });

  it('goes on without a follower that has failed, once it has left', async () => {
    const world = await makeWorld();
    const { leader } = await stateOf(world);
    const failed = (leader + 1) % 3;
    (world.stores.replicas[failed] as ReplicatedStores['replicas'][0]).fault = 'down';
    const appended = produce(world, 'a', 'all', 2);
    const tookMs = await world.clock.until(appended);
    await expect(appended).resolves.toMatchObject({ baseOffset: 0 });
    expect(tookMs).toBeGreaterThanOrEqual(replicationLimits.replicaFailingMsMin);
    expect(tookMs).toBeLessThan(10_000);
    const { inSync } = await stateOf(world);
    expect(inSync).toBe(0b111 & ~(1 << failed));
  });

  it('goes on with another leader once the first has failed', async () => {
    const world = await makeWorld();
    await produce(world, 'before', 'all', 2);
    const { leader } = await stateOf(world);
    (world.stores.replicas[leader] as ReplicatedStores['replicas'][0]).fault = 'read-only';
    const appended = produce(world, 'a', 'all', 2);
    await world.clock.until(appended);
    await expect(appended).resolves.toMatchObject({ baseOffset: 1 });
    const after = await stateOf(world);
    expect(after.leader).not.toBe(leader);
    expect(after.head.epoch).toBe(1);
    expect(after.head.tail.at(-1)?.replicated?.epoch).toBe(1);
  });

  it.each(['down', 'silent'] as const)(
    'is refused at the deadline, with nothing appended, where no replica may take over from a leader that is %s',
    async (fault) => {
      const world = await makeWorld();
      for (const replica of world.stores.replicas) replica.fault = fault;
      const appended = produce(world, 'a', 'all');
      appended.catch(() => undefined);
      const tookMs = await world.clock.until(appended);
      await expect(appended).rejects.toMatchObject({ code: 'NOT_ENOUGH_REPLICAS', effect: 'none' });
      expect(tookMs).toBeGreaterThanOrEqual(produceLimits.produceDeadlineMs - 1_000);
      expect((await stateOf(world)).head.next[0]).toBe(0);
    },
  );

  it('of small records needs no bucket', async () => {
    const world = await makeWorld({ inlineBytesMax: 4_096 });
    for (const replica of world.stores.replicas) replica.fault = 'down';
    await expect(produce(world, 'a', 'all', 3)).resolves.toMatchObject({ baseOffset: 0 });
    expect((await stateOf(world)).highWatermark).toBe(1);
  });

  it('that finds the set changed is placed again for the new one, and appended once', async () => {
    const world = await makeWorld();
    const other: World = { ...makeBroker({ stores: world.stores }), stores: world.stores, ledger: world.ledger };
    await produce(world, 'a', 'all');
    const { leader } = await stateOf(world);
    const failed = (leader + 1) % 3;
    const store = world.stores.replicas[failed] as ReplicatedStores['replicas'][0];
    store.fault = 'down';
    await world.clock.until(produce(world, 'b', 'all'));
    // The other process knows nothing of it yet: it has seen no head since the beginning.
    store.fault = undefined;
    await expect(produce(other, 'c', 'all')).resolves.toMatchObject({ baseOffset: 2 });
    expect((await stateOf(world)).head.next[0]).toBe(3);
  });

  it("leaves ledgers with a single replica in the stack's own bucket", async () => {
    const world = await makeWorld();
    await createTopic(world.broker, { name: 'single' });
    const { ledger } = ledgerOf(await world.broker.topics.get('single'), 0);
    (world.stores.replicas[1] as ReplicatedStores['replicas'][0]).fault = 'down';
    (world.stores.replicas[2] as ReplicatedStores['replicas'][0]).fault = 'silent';
    await expect(append(world, { ledger })).resolves.toBe(0);
    expect(world.stores.replicas.map(({ puts }) => puts.length)).toEqual([1, 0, 0]);
  });
});

describe.each(FAULTS)('a replica that is %s', (fault) => {
  it.each(['leader', 'follower'] as const)(
    'as %s costs no record its place, and has them all when it is back',
    async (role) => {
      const world = await makeWorld();
      const { leader } = await stateOf(world);
      const faulty = role === 'leader' ? leader : (leader + 1) % 3;
      const store = world.stores.replicas[faulty] as ReplicatedStores['replicas'][0];
      store.fault = fault;
      for (let number = 0; number < 12; number++) {
        const appended = produce(world, `${number}`, 'all', 2);
        const tookMs = await world.clock.until(appended);
        await expect(appended).resolves.toEqual({ baseOffset: number, duplicate: false });
        expect(tookMs).toBeLessThan(15_000);
      }
      store.fault = undefined;
      const rules = { minInSync: 2, uncleanAllowed: false };
      for (let second = 0; second < 60 && (await stateOf(world)).inSync !== 0b111; second++) {
        await world.broker.keeper.look(world.ledger, rules);
        await world.clock.advance(1_000);
      }
      const after = await stateOf(world);
      expect(after.inSync).toBe(0b111);
      expect(after.highWatermark).toBe(12);
      const runs = await runsOf(world.stores.metadata, world.ledger, 0);
      for (const { commit } of runs) {
        const name = objectName(commit.tier, commit.object);
        for (const replica of world.stores.replicas) expect(await replica.getRange(name)).toBeDefined();
      }
    },
  );
});
