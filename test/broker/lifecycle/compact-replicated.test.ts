/** Compaction of a replicated topic: what is compacted is in every replica, or nothing is. */
import { beforeEach, describe, expect, it } from 'vitest';
import { settled } from '../../../lib/broker/broker.ts';
import { headView } from '../../../lib/broker/ledger/replicated.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { members } from '../../../lib/coordination/replication/replica-state.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { headOf, makeBroker, type Process } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import { COMPACTED, compact, mergeAll, produceUpdates, readLog, tableOf } from '../../support/compacting.ts';
import { namesOf, segmentsOf } from '../../support/merging.ts';
import { makeReplicatedStores, type ReplicatedStores, type SwitchableStore } from '../../support/replicas.ts';
import { finished } from '../../support/transactions.ts';

const RULES = { minInSync: 1, uncleanAllowed: false };
const ROUNDS = 3;
const KEYS = 4;

let stores: ReplicatedStores;
let process: Process;
let ledger: LedgerId;

/** Three replicas; every key is updated once in each of the segments. */
beforeEach(async () => {
  stores = makeReplicatedStores();
  process = makeBroker({ stores });
  await createTopic(process.broker, { name: 't', partitions: 1, replicationFactor: 3, config: COMPACTED });
  ledger = { topicId: (await process.broker.topics.get('t')).topicId, index: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    await update(`of ${round}`);
    await mergeAll(process);
  }
});

const replica = (id: number) => stores.replicas[id] as SwitchableStore;

function update(value: string): Promise<void> {
  return produceUpdates(
    process,
    Array.from({ length: KEYS }, (_, n) => ({ key: `key ${n}`, value })),
  );
}

/** What looks after replicas in a process that stays up, until these are in sync. */
async function untilInSync(...ids: number[]): Promise<void> {
  for (let second = 0; second < 60; second++) {
    await finished(process, process.broker.keeper.look(ledger, RULES));
    await finished(process, settled(process.broker));
    await process.clock.advance(1_000);
    const inSync = members(headView(await headOf(stores.metadata, ledger))?.state.inSync ?? 0);
    if (inSync.join() === ids.join()) return;
  }
  throw new Error(`the replicas ${ids.join()} are not those in sync`);
}

async function replicasWithAll(): Promise<number[]> {
  const names = namesOf(await segmentsOf(stores, ledger, 0));
  const holders: number[] = [];
  for (const [id, store] of stores.replicas.entries()) {
    const tails = await Promise.all(names.map((name) => store.getTail(name, 1)));
    if (tails.every((tail) => tail !== undefined)) holders.push(id);
  }
  return holders;
}

/** But for what the keeper tries replicas with. */
async function findings() {
  const { findings: found } = await checkEverything(stores, { deep: true });
  return found.filter(({ object }) => object?.startsWith('segments/probe-') !== true);
}

describe('compaction of a replicated partition', () => {
  it('stores what it makes in every replica, from each of which it can be read', async () => {
    const before = tableOf(await readLog(stores));
    expect(await finished(process, compact(process, { groupBytesMax: 1 }))).toMatchObject({
      outcome: 'compacted',
      records: (ROUNDS - 1) * KEYS,
    });
    expect(await segmentsOf(stores, ledger, 0)).toMatchObject(
      Array.from({ length: ROUNDS }, () => ({ holders: 0b111 })),
    );
    expect(await replicasWithAll()).toEqual([0, 1, 2]);
    for (const only of [0, 1, 2]) {
      for (const id of [0, 1, 2]) replica(id).fault = id === only ? undefined : 'down';
      const log = await readLog(stores);
      expect([log.length, tableOf(log)]).toEqual([KEYS, before]);
    }
    for (const id of [0, 1, 2]) replica(id).fault = undefined;
    expect(await findings()).toEqual([]);
  });

  it('waits while a replica lags behind', async () => {
    replica(2).fault = 'down';
    await update('of a smaller set');
    await untilInSync(0, 1);
    const before = await segmentsOf(stores, ledger, 0);
    expect(await finished(process, compact(process))).toMatchObject({ outcome: 'not-in-sync', segments: 0 });
    expect(await segmentsOf(stores, ledger, 0)).toEqual(before);
    replica(2).fault = undefined;
    await untilInSync(0, 1, 2);
    expect(await finished(process, compact(process))).toMatchObject({ outcome: 'compacted' });
    expect(await replicasWithAll()).toEqual([0, 1, 2]);
    expect(await findings()).toEqual([]);
  });

  it('commits nothing that a replica which goes away meanwhile has not got, and goes on when it is back', async () => {
    const before = tableOf(await readLog(stores));
    let commits = 0;
    process.metadata.onWrite = async (proceed, writes) => {
      const written = await proceed();
      // After the first group: the second one's objects cannot be stored there.
      if (writes.some(({ key }) => key.sk.startsWith('condemned#')) && ++commits === 1) replica(1).fault = 'down';
      return written;
    };
    await expect(finished(process, compact(process, { groupBytesMax: 1 }))).rejects.toMatchObject({ retriable: true });
    expect(commits).toBe(1);
    replica(1).fault = undefined;
    expect(await replicasWithAll()).toEqual([0, 1, 2]);
    expect(tableOf(await readLog(stores))).toEqual(before);
    process.metadata.onWrite = undefined;
    expect(await finished(process, compact(process))).toMatchObject({ outcome: 'compacted', segments: ROUNDS - 2 });
    expect(await replicasWithAll()).toEqual([0, 1, 2]);
    expect(tableOf(await readLog(stores))).toEqual(before);
    expect(await findings()).toEqual([]);
  });
});
