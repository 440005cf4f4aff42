/** Transactions over ledgers with three replicas: seen at once in all of them, through faults of the replicas. */
import { describe, expect, test } from 'vitest';
import { headView, highWatermark } from '../../../lib/broker/ledger/replicated.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import type { HeadView } from '../../../lib/coordination/replication/ledger-view.ts';
import { packState, type ReplicaState } from '../../../lib/coordination/replication/replica-state.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { gapsOf, headKey } from '../../../lib/log/ledger/head.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import type { WriteResult } from '../../../lib/storage/metadata/port.ts';
import { headOf, lost, makeBroker, type Process, settled } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { makeReplicatedStores, type SwitchableStore } from '../../support/replicas.ts';
import { finished, to, valuesIn } from '../../support/transactions.ts';

const ID = 'id';
const REPLICATED = [to('a', 0, 'ours'), to('b', 0, 'ours')];
const ALL = [...REPLICATED, to('single', 0, 'ours')];

/** Topics `a` and `b` with three replicas, and `single` with one; one ledger each. */
async function world({ minInSync = 2, inlineBytesMax = 0 } = {}) {
  const stores = makeReplicatedStores({ inlineBytesMax });
  const config = { 'min.insync.replicas': String(minInSync) };
  const [one, two] = [makeBroker({ stores }), makeBroker({ stores })];
  for (const name of ['a', 'b']) await createTopic(one.broker, { name, partitions: 2, replicationFactor: 3, config });
  await createTopic(one.broker, { name: 'single' });
  const ledgers = await Promise.all(
    ['a', 'b'].map(async (name) => ledgerOf(await one.broker.topics.get(name), 0).ledger),
  );
  const [a, b] = ledgers as [(typeof ledgers)[0], (typeof ledgers)[0]];
  const replica = (id: number) => stores.replicas[id] as SwitchableStore;
  const viewOf = async (ledger = a) => headView(await headOf(stores.metadata, ledger)) as HeadView;
  const leader = async (ledger = a) => (await viewOf(ledger)).state.leader;
  const follower = async (ledger = a) => ((await leader(ledger)) + 1) % 3;
  const ends = async () => {
    const heads = await Promise.all(ledgers.map((ledger) => headOf(stores.metadata, ledger)));
    return heads.map((head) => ({ seen: highWatermark(head, 0), appended: head.next[0] }));
  };
  const produce = (process: Process, value: string, acks: 'leader' | 'all' = 'all', topic = 'a') =>
    produceRecords(process.broker, { topic, records: [to(topic, 0, value)], acks });
  /** Another set of replicas in sync, as the keeper of another process would write it. */
  const change = async (changes: (state: ReplicaState) => Partial<ReplicaState>, ledger = a) => {
    const { state } = await viewOf(ledger);
    const next = { ...state, ...changes(state) };
    const add = { v: 1, i: 1, ...(next.leader !== state.leader && { e: 1 }) };
    await stores.metadata.write([
      { kind: 'update', key: headKey(ledger), changes: { set: { q: packState(next) }, add } },
    ]);
  };
  return { stores, one, two, a, b, replica, viewOf, leader, follower, ends, produce, change };
}

/** Nobody brings a replica back that the test has taken out of the set. */
function unkept(...processes: Process[]): void {
  for (const { broker } of processes) broker.keeper.look = async () => {};
}

/** Meets the first atomic writes of the process, one after the other. */
function script(process: Process, ...steps: ((proceed: () => Promise<WriteResult>) => Promise<WriteResult>)[]) {
  let writes = 0;
  process.metadata.onWrite = (proceed, list: readonly Write[]) => {
    if (list.length < 2) return proceed();
    return steps[writes++]?.(proceed) ?? proceed();
  };
  return () => writes;
}

describe('a transaction over replicated ledgers', () => {
  test.each([0, 4_096])(
    'is held by all replicas, and seen in all ledgers at once (inline: %d)',
    async (inlineBytesMax) => {
      const { stores, one, two, a, b, ends } = await world({ inlineBytesMax });
      const seen: unknown[] = [];
      one.metadata.onWrite = async (proceed) => {
        const result = await proceed();
        seen.push((await ends()).map((end) => end.seen));
        return result;
      };
      const { records } = await transact(one.broker, { records: ALL });
      expect(records.map(({ offset }) => offset)).toEqual([0, 0, 0]);
      expect(seen.every((each) => JSON.stringify(each) === '[0,0]' || JSON.stringify(each) === '[1,1]')).toBe(true);
      expect(await ends()).toEqual([
        { seen: 1, appended: 1 },
        { seen: 1, appended: 1 },
      ]);
      for (const ledger of [a, b]) {
        expect((await headOf(stores.metadata, ledger)).tail[0]?.replicated).toEqual({ holders: 0b111, epoch: 0 });
      }
      for (const process of [one, two]) {
        for (const topic of ['a', 'b', 'single']) expect(await valuesIn(process, topic, 0)).toEqual(['ours']);
      }
      expect(stores.replicas.map(({ puts }) => puts.length)).toEqual(inlineBytesMax === 0 ? [1, 1, 1] : [0, 0, 0]);
    },
  );

  test('is refused before anything is stored where too few replicas are in sync', async () => {
    const { stores, one, ends, change, follower } = await world({ minInSync: 3 });
    const failed = await follower();
    await change(({ inSync }) => ({ inSync: inSync & ~(1 << failed) }));
    const fresh = makeBroker({ stores });
    unkept(one, fresh);
    const refused = { code: 'NOT_ENOUGH_REPLICAS', effect: 'none', retriable: true };
    await expect(transact(fresh.broker, { records: ALL })).rejects.toMatchObject(refused);
    const stored = stores.replicas.flatMap(({ puts }) => puts).filter((name) => !name.includes('probe'));
    expect(stored).toEqual([]);
    expect((await ends()).map(({ appended }) => appended)).toEqual([0, 0]);
    // Who did not know yet hears it from the refusal.
    await expect(finished(one, transact(one.broker, { records: ALL }))).rejects.toMatchObject(refused);
    expect((await ends()).map(({ appended }) => appended)).toEqual([0, 0]);
  });

  test('waits for what acks=leader has left behind, and is not appended before', async () => {
    const { one, two, a, replica, leader, ends, produce } = await world();
    const behind = replica(((await leader(a)) + 1) % 3);
    const gate = Promise.withResolvers<void>();
    behind.gate = gate.promise;
    await produce(two, 'first', 'leader');
    behind.gate = undefined;
    await one.broker.heads.strong(a);
    const committed = transact(one.broker, { records: ALL });
    await idle();
    expect(await ends()).toEqual([
      { seen: 0, appended: 1 },
      { seen: 0, appended: 0 },
    ]);
    gate.resolve();
    await settled(two.broker);
    const { records } = await finished(one, committed);
    expect(records.map(({ offset }) => offset)).toEqual([1, 0, 0]);
    expect((await ends()).map(({ seen }) => seen)).toEqual([2, 1]);
  });

  test('is not disturbed by what others append with acks=all meanwhile', async () => {
    const { one, two, produce, ends } = await world();
    const writes = script(one, async (proceed) => {
      for (const topic of ['a', 'b', 'a']) await produce(two, 'theirs', 'all', topic);
      return proceed();
    });
    const { records } = await transact(one.broker, { records: ALL });
    expect(records.map(({ offset }) => offset)).toEqual([2, 1, 0]);
    expect(writes()).toBe(1);
    expect((await ends()).map(({ seen }) => seen)).toEqual([3, 2]);
  });

  test.each([
    ['acks=leader with all replicas', false],
    ['a gap', true],
  ])('that meets an append that leaves %s just before it is written is seen at once all the same', async (_, gaps) => {
    const { stores, one, two, a, replica, leader, ends, produce } = await world();
    const gate = Promise.withResolvers<void>();
    const behind = replica(((await leader(a)) + 1) % 3);
    const writes = script(one, async (proceed) => {
      if (gaps) behind.gate = gate.promise;
      await produce(two, 'theirs', 'leader');
      if (!gaps) await settled(two.broker);
      behind.gate = undefined;
      return proceed();
    });
    const seen: unknown[] = [];
    const hook = one.metadata.onWrite;
    one.metadata.onWrite = async (proceed, list) => {
      const result = await (hook?.(proceed, list) ?? proceed());
      const [first, second] = await ends();
      // Theirs may be seen or not; ours are in both or in none.
      if (result.outcome === 'applied' && list.length > 1) seen.push([first?.seen, second?.seen]);
      return result;
    };
    const committed = transact(one.broker, { records: ALL });
    await idle();
    expect((await ends()).map(({ appended }) => appended)).toEqual(gaps ? [1, 0] : [2, 1]);
    gate.resolve();
    await settled(two.broker);
    const { records } = await finished(one, committed);
    expect(records.map(({ offset }) => offset)).toEqual([1, 0, 0]);
    expect(seen).toEqual([[2, 1]]);
    expect(writes()).toBe(gaps ? 2 : 1);
    expect(gapsOf(await headOf(stores.metadata, a))).toBe(gaps ? 1 : 0);
  });

  test('is written once where nobody else writes', async () => {
    const { one } = await world();
    const writes = script(one);
    for (let number = 0; number < 5; number++) await transact(one.broker, { records: ALL });
    expect(writes()).toBe(5);
  });

  test('gives up in time, without effect, where gaps never end', async () => {
    const { stores, one, a } = await world();
    one.metadata.onWrite = async (proceed, list) => {
      if (list.length > 1) {
        await stores.metadata.write([{ kind: 'update', key: headKey(a), changes: { add: { v: 1, l: 1 } } }]);
      }
      return proceed();
    };
    await expect(finished(one, transact(one.broker, { records: ALL }))).rejects.toMatchObject({
      code: 'REQUEST_TIMED_OUT',
      effect: 'none',
    });
  });

  test('of several that wait for the same ledger shares a write', async () => {
    const { stores, one, a } = await world();
    const gate = Promise.withResolvers<void>();
    const writes = script(one, async (proceed) => {
      await gate.promise;
      return proceed();
    });
    const first = transact(one.broker, { records: ALL });
    await idle();
    const others = [1, 2, 3].map(() => transact(one.broker, { records: ALL }));
    await idle();
    gate.resolve();
    await first;
    await finished(one, Promise.all(others));
    expect(writes()).toBe(2);
    expect((await headOf(stores.metadata, a)).next[0]).toBe(4);
    expect((await headOf(stores.metadata, a)).tail).toHaveLength(4);
  });

  test('goes on without a follower that has failed, once that has left', async () => {
    const { one, replica, follower, viewOf, ends } = await world();
    const failed = await follower();
    replica(failed).fault = 'down';
    await finished(one, transact(one.broker, { records: REPLICATED }));
    expect((await viewOf()).state.inSync).toBe(0b111 & ~(1 << failed));
    expect((await ends()).map(({ seen }) => seen)).toEqual([1, 1]);
  });

  test('goes on under another leader', async () => {
    const { one, two, replica, leader, viewOf, produce } = await world();
    await produce(two, 'before');
    const old = await leader();
    replica(old).fault = 'read-only';
    const { records } = await finished(one, transact(one.broker, { records: REPLICATED }));
    expect(records[0]?.offset).toBe(1);
    const { epoch, state } = await viewOf();
    expect(state.leader).not.toBe(old);
    expect(epoch).toBe(1);
  });

  test.each<[string, boolean]>([
    ['a follower leaves', false],
    ['another leader is elected', true],
  ])('is placed anew where %s just before it is written', async (_, elects) => {
    const { stores, one, a, leader, change, ends } = await world();
    const old = await leader();
    const gone = elects ? old : (old + 1) % 3;
    const writes = script(one, async (proceed) => {
      await change(({ inSync }) => ({ inSync: inSync & ~(1 << gone), leader: elects ? (old + 1) % 3 : old }));
      return proceed();
    });
    await finished(one, transact(one.broker, { records: ALL }));
    expect(writes()).toBe(2);
    const [commit] = (await headOf(stores.metadata, a)).tail;
    expect(commit?.replicated?.epoch).toBe(elects ? 1 : 0);
    expect((await ends()).map(({ seen }) => seen)).toEqual([1, 1]);
  });
});

describe('a transaction in parts over replicated ledgers', () => {
  const caller = { epoch: 0, number: 0 };
  const add = async (process: Process, part: number, records = [to('a', 0, `${part}`), to('b', 0, `${part}`)]) =>
    finished(process, addToTransaction(process.broker, { transactionalId: ID, caller, part, records }));
  const commit = (process: Process) =>
    finished(process, commitTransaction(process.broker, { transactionalId: ID, caller }));

  test.each([2, transactionLimits.commitsPerAppendMax + 2])(
    'of %d parts brings its objects to a replica that was out of sync when they were stored',
    async (parts) => {
      const { stores, one, two, a, b, change, replica, ends } = await world();
      await initializeTransactions(one.broker, { transactionalId: ID });
      for (const ledger of [a, b])
        await change(({ leader }) => ({ inSync: 0b111 & ~(1 << ((leader + 2) % 3)) }), ledger);
      for (let part = 0; part < parts; part++) await add(one, part);
      for (const ledger of [a, b]) await change(() => ({ inSync: 0b111 }), ledger);
      await commit(two);
      expect((await ends()).map(({ seen }) => seen)).toEqual([parts, parts]);
      for (const ledger of [a, b]) {
        const { tail } = await headOf(stores.metadata, ledger);
        expect(tail.every(({ replicated }) => replicated?.holders === 0b111)).toBe(true);
      }
      const values = Array.from({ length: parts }, (_, part) => `${part}`);
      for (const only of [0, 1, 2]) {
        for (const id of [0, 1, 2]) replica(id).fault = id === only ? undefined : 'down';
        const reader = makeBroker({ stores });
        expect(await valuesIn(reader, 'a', 0)).toEqual(values);
        expect(await valuesIn(reader, 'b', 0)).toEqual(values);
      }
    },
  );

  test('says of a bundle that those hold it who hold all its objects', async () => {
    const { stores, one, two, a, b, change, leader, ends } = await world();
    unkept(one, two);
    await initializeTransactions(one.broker, { transactionalId: ID });
    const away = ((await leader(a)) + 1) % 3;
    const parts = transactionLimits.commitsPerAppendMax + 2;
    for (let part = 0; part < parts; part++) {
      if (part === 3) await change(({ inSync }) => ({ inSync: inSync & ~(1 << away) }), a);
      await one.broker.heads.strong(a);
      await add(one, part, [to('a', 0, `${part}`)]);
    }
    await commit(two);
    expect((await headOf(stores.metadata, a)).tail.map(({ replicated }) => replicated?.holders)).toEqual([
      0b111 & ~(1 << away),
    ]);
    expect((await ends())[0]?.seen).toBe(parts);
    expect((await headOf(stores.metadata, b)).tail).toEqual([]);
  });

  test('waits for a replica that does not take its objects, until that has left', async () => {
    const { one, two, a, b, change, replica, leader, ends } = await world();
    await initializeTransactions(one.broker, { transactionalId: ID });
    const away = ((await leader(a)) + 1) % 3;
    for (const ledger of [a, b]) {
      await change((state) => {
        const others = 0b111 & ~(1 << away);
        return { inSync: others, leader: state.leader === away ? (away + 1) % 3 : state.leader };
      }, ledger);
    }
    await add(one, 0);
    for (const ledger of [a, b]) await change(() => ({ inSync: 0b111 }), ledger);
    replica(away).fault = 'read-only';
    await commit(two);
    expect((await ends()).map(({ seen }) => seen)).toEqual([1, 1]);
  });

  test('is refused, and stays open, while too few replicas are in sync', async () => {
    const { one, two, a, change, ends } = await world({ minInSync: 3 });
    unkept(one, two);
    await initializeTransactions(one.broker, { transactionalId: ID });
    await add(one, 0);
    await change(({ leader }) => ({ inSync: 1 << leader }));
    await expect(commit(two)).rejects.toMatchObject({ code: 'NOT_ENOUGH_REPLICAS', effect: 'none' });
    await expect(add(two, 1)).rejects.toMatchObject({ code: 'NOT_ENOUGH_REPLICAS', effect: 'none' });
    expect((await ends()).map(({ appended }) => appended)).toEqual([0, 0]);
    await change(() => ({ inSync: 0b111 }), a);
    await commit(two);
    expect((await ends()).map(({ seen }) => seen)).toEqual([1, 1]);
  });

  test.each(['before', 'after'] as const)('is all or nothing with an answer lost %s any call', async (when) => {
    const interrupted = async (call: number) => {
      const { one, two, ends } = await world();
      await initializeTransactions(one.broker, { transactionalId: ID });
      for (let part = 0; part < transactionLimits.commitsPerAppendMax + 1; part++) {
        await add(one, part, [to('a', 0, `${part}`), ...(part === 0 ? [to('b', 0, '0')] : [])]);
      }
      let calls = 0;
      const step = async <T>(proceed: () => Promise<T>): Promise<T> => {
        if (calls++ !== call) return proceed();
        if (when === 'after') await proceed();
        throw lost();
      };
      Object.assign(one.metadata, { onGet: step, onWrite: step });
      await commit(one).catch(() => undefined);
      const state = (await ends()).map(({ seen }) => seen);
      const { partitions } = await commit(two);
      return { calls, state, partitions, end: (await ends()).map(({ seen }) => seen) };
    };
    const whole = [transactionLimits.commitsPerAppendMax + 1, 1];
    const { calls } = await interrupted(-1);
    expect(calls).toBeGreaterThan(4);
    for (let call = 0; call < calls; call++) {
      const { state, end, partitions } = await interrupted(call);
      expect([[0, 0], whole]).toContainEqual(state);
      expect(end).toEqual(whole);
      expect(partitions.map(({ baseOffset }) => baseOffset)).toEqual([0, 0]);
    }
  });
});
