/** After an erasure no replica has a byte of its subject, whichever of them was away meanwhile. */
import { describe, expect, it } from 'vitest';
import { settled } from '../../../lib/broker/broker.ts';
import { carryOutErasures } from '../../../lib/broker/erasures/carry-out-erasures.ts';
import { createErasure } from '../../../lib/broker/erasures/create-erasure.ts';
import { describeErasure } from '../../../lib/broker/erasures/describe-erasure.ts';
import { headView } from '../../../lib/broker/ledger/replicated.ts';
import { maintain } from '../../../lib/broker/maintain.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { members } from '../../../lib/coordination/replication/replica-state.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { maintenanceLimits } from '../../../lib/kernel/limits/maintenance.ts';
import { headOf, makeBroker, type Process } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import { readRecords, recordOf, SUBJECT, tracesOf, untilDone, without, write } from '../../support/erasing.ts';
import { mergeOnce } from '../../support/merging.ts';
import { makeReplicatedStores, type ReplicatedStores, type SwitchableStore } from '../../support/replicas.ts';
import { finished } from '../../support/transactions.ts';

const OF_T = { topics: { names: ['t'] }, subject: { kind: 'key', key: utf8(SUBJECT) } } as const;
const RULES = { minInSync: 1, uncleanAllowed: false };

type World = Process & { stores: ReplicatedStores; ledger: LedgerId; replica: (id: number) => SwitchableStore };

/** The topic `t` with three replicas, and `single` with one. */
async function makeWorld({ inlineBytesMax = 0 } = {}): Promise<World> {
  const stores = makeReplicatedStores({ inlineBytesMax });
  const process = makeBroker({ stores });
  await createTopic(process.broker, { name: 't', replicationFactor: 3 });
  await createTopic(process.broker, { name: 'single' });
  const { topicId } = await process.broker.topics.get('t');
  const replica = (id: number) => stores.replicas[id] as SwitchableStore;
  return { ...process, stores, ledger: { topicId, index: 0 }, replica };
}

async function writeTo(world: World, topic: string, ...keys: string[]): Promise<void> {
  const written = keys.map((key) => recordOf(key, `of ${key}`));
  await finished(world, write(world, topic, written, { compressionType: 'gzip' }));
}

/** By replica, what still holds the subject; also of one that nobody else can ask now. */
async function traces({ stores }: World): Promise<string[][]> {
  const found: string[][] = [];
  for (const replica of stores.replicas) {
    const { fault } = replica;
    replica.fault = undefined;
    found.push(await tracesOf({ ...stores, objects: replica as never }));
    replica.fault = fault;
  }
  return found;
}

/** What looks after replicas in a process that stays up, for so long. */
async function lookAfter(world: World, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await finished(world, world.broker.keeper.look(world.ledger, RULES));
    await finished(world, settled(world.broker));
    await world.clock.advance(1_000);
  }
}

async function inSync({ stores, ledger }: World): Promise<number[]> {
  return members(headView(await headOf(stores.metadata, ledger))?.state.inSync ?? 0);
}

async function carryOut(world: World): Promise<void> {
  await finished(world, carryOutErasures(world.broker));
}

describe('an erasure of a replicated topic', () => {
  it.each([0, 4_096])('leaves no trace in any replica, and all else as it was (inline up to %i)', async (inline) => {
    const world = await makeWorld({ inlineBytesMax: inline });
    const { broker, stores, ledger } = world;
    await writeTo(world, 't', 'a', SUBJECT, 'b');
    await broker.sealer.seal(ledger);
    await mergeOnce(world, ledger);
    // One object of both topics: the replicas of one have what the other keeps in a single one.
    await Promise.all([writeTo(world, 't', SUBJECT, 'c'), writeTo(world, 'single', 'd')]);
    await writeTo(world, 't', 'e', SUBJECT);
    const before = [await readRecords(stores, 't'), await readRecords(stores, 'single')] as const;
    for (const found of await traces(world)) expect(found.length).toBeGreaterThan(1);

    const { erasure } = await createErasure(broker, OF_T);
    await untilDone(world);

    expect(await traces(world)).toEqual([[], [], []]);
    expect(await readRecords(stores, 't')).toEqual(without(before[0], [1, 3, 6]));
    expect(await readRecords(stores, 'single')).toEqual(before[1]);
    expect(await describeErasure(broker, erasure.id)).toMatchObject({
      phase: 'done',
      problems: [],
      partitions: [{ end: 7, erasedTo: 7, removed: 3 }],
    });
    expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
  });

  it('waits, and says why, while a replica lacks something', async () => {
    const world = await makeWorld();
    world.replica(2).fault = 'down';
    await writeTo(world, 't', SUBJECT, 'a');
    await lookAfter(world, 10);
    expect(await inSync(world)).toEqual([0, 1]);
    const { erasure } = await createErasure(world.broker, OF_T);
    await carryOut(world);
    expect(await describeErasure(world.broker, erasure.id)).toMatchObject({
      phase: 'running',
      problems: ['Nothing of the topic "t" can be rewritten while a replica lags behind.'],
    });
    expect([...(await readRecords(world.stores, 't')).keys()]).toEqual([0, 1]);

    world.replica(2).fault = undefined;
    await lookAfter(world, 60);
    expect(await inSync(world)).toEqual([0, 1, 2]);
    await untilDone(world);
    expect(await traces(world)).toEqual([[], [], []]);
    expect(await describeErasure(world.broker, erasure.id)).toMatchObject({ phase: 'done', problems: [] });
  });

  it('is not done while a replica that went away after the rewriting still has the records', async () => {
    const world = await makeWorld();
    await writeTo(world, 't', SUBJECT, 'a');
    const { erasure } = await createErasure(world.broker, OF_T);
    await carryOut(world);
    expect((await describeErasure(world.broker, erasure.id)).phase).toBe('waiting');
    world.replica(1).fault = 'down';
    for (let round = 0; round < 12; round++) {
      await world.clock.advance(maintenanceLimits.maintenanceIntervalMs);
      await finished(world, maintain(world.broker));
    }
    expect((await describeErasure(world.broker, erasure.id)).phase).toBe('waiting');
    expect((await traces(world))[1]).not.toEqual([]);
    world.replica(1).fault = undefined;
    await lookAfter(world, 60);
    await untilDone(world);
    expect(await traces(world)).toEqual([[], [], []]);
  });

  it('takes what a leader alone had, and an election has cut off, from it once it is back', async () => {
    const world = await makeWorld();
    await writeTo(world, 't', 'a');
    const leader = headView(await headOf(world.stores.metadata, world.ledger))?.state.leader as number;
    const others = [0, 1, 2].filter((id) => id !== leader);
    for (const id of others) world.replica(id).gate = new Promise(() => {});
    await finished(world, write(world, 't', [recordOf(SUBJECT, '1')], { acks: 'leader' }));
    for (const id of others) world.replica(id).gate = undefined;
    world.replica(leader).fault = 'down';
    // Another process: the first one waits for uploads that never end.
    const next = { ...world, ...makeBroker({ stores: world.stores }) };
    await lookAfter(next, 20);
    expect(headView(await headOf(world.stores.metadata, world.ledger))?.state.leader).not.toBe(leader);
    await writeTo(next, 't', 'b');
    world.replica(leader).fault = undefined;
    await lookAfter(next, 60);
    expect(await inSync(next)).toEqual([0, 1, 2]);
    expect((await traces(next))[leader]).not.toEqual([]);
    await createErasure(next.broker, OF_T);
    await untilDone(next);
    expect(await traces(next)).toEqual([[], [], []]);
  });
});
