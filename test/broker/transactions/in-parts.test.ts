import { describe, expect, test } from 'vitest';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { abortTransaction } from '../../../lib/broker/transactions/abort-transaction.ts';
import { type AddRequest, addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { describeTransaction } from '../../../lib/broker/transactions/describe-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { lost, makeBroker, makeStores, type Process, settled } from '../../support/broker.ts';
import { committedOffset, finished, makeTopics, recordCounts, to, valuesIn } from '../../support/transactions.ts';

const ID = 'id';

async function world() {
  const stores = makeStores();
  const topics = await makeTopics({ stores });
  const [one, two] = [makeBroker({ stores }), makeBroker({ stores })];
  const { epoch } = await initializeTransactions(one.broker, { transactionalId: ID });
  const caller = { epoch, number: 0 };
  const add = (process: Process, request: Partial<AddRequest> = {}) =>
    addToTransaction(process.broker, { transactionalId: ID, caller, part: 0, records: [to('a', 0, 'v')], ...request });
  const commit = (process: Process, by = caller) =>
    finished(process, commitTransaction(process.broker, { transactionalId: ID, caller: by }));
  const abort = (process: Process, by = caller) =>
    abortTransaction(process.broker, { transactionalId: ID, caller: by });
  const counts = async () => [
    await recordCounts(stores.metadata, topics.a),
    await recordCounts(stores.metadata, topics.b),
  ];
  const items = async () => {
    const { items: found } = await stores.metadata.query({
      pk: `transactional#${ID}`,
      limit: 100,
      consistency: 'strong',
    });
    return found.map(({ key }) => key.sk.split('#')[0]);
  };
  return { stores, one, two, epoch, caller, add, commit, abort, counts, items, ...topics };
}

const NOTHING = [
  [0, 0, 0, 0],
  [0, 0, 0, 0],
];

describe('a transaction in parts', () => {
  test('shows nothing until it is committed, and then all of it, in the order in which it was added', async () => {
    const { stores, one, two, add, commit, counts, items, a } = await world();
    const offsets = { group: 'g', offsets: [{ topic: 'a', partition: 1, offset: 3 }] };
    const first = await add(one, { records: [to('a', 0, '1'), to('b', 2, '2'), to('a', 0, '3')], offsets });
    expect(first.records.map(({ topic, partition }) => [topic, partition])).toEqual([
      ['a', 0],
      ['b', 2],
      ['a', 0],
    ]);
    await add(two, { part: 1, records: [to('a', 0, '4'), to('a', 3, '5')], offsets: { ...offsets, group: 'h' } });
    await transact(two.broker, { records: [to('a', 0, 'before')] });
    expect(await counts()).toEqual([
      [1, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect(await committedOffset(stores.metadata, { group: 'g', topic: a, partition: 1 })).toBeUndefined();
    const { partitions, repeated } = await commit(one);
    expect(repeated).toBe(false);
    expect(partitions).toEqual([
      { topic: 'a', partition: 0, baseOffset: 1, records: 3 },
      { topic: 'b', partition: 2, baseOffset: 0, records: 1 },
      { topic: 'a', partition: 3, baseOffset: 0, records: 1 },
    ]);
    expect(await valuesIn(two, 'a', 0)).toEqual(['before', '1', '3', '4']);
    for (const group of ['g', 'h']) {
      expect(await committedOffset(stores.metadata, { group, topic: a, partition: 1 })).toBe(3);
    }
    await settled(one.broker);
    expect(await items()).toEqual(['state']);
  });

  test('is committed by one atomic write, whatever its parts', async () => {
    const { one, add, commit } = await world();
    for (let part = 0; part < 5; part++) await add(one, { part, records: [to('a', 0, 'v'), to('b', 1, 'v')] });
    one.metadata.forget();
    await commit(one);
    await settled(one.broker);
    expect(one.metadata.calls.filter((call) => call.startsWith('write') && !call.includes('part'))).toEqual([
      'write head head state',
    ]);
  });

  test('is answered again as it was the first time, by any process, after any number of seals', async () => {
    const { one, two, add, commit, counts } = await world();
    await add(one);
    await add(one, { part: 1, records: [to('a', 0, 'w')] });
    const first = await commit(one);
    for (let times = 0; times < 60; times++)
      await transact(two.broker, { records: [to('a', 0, 'v'), to('a', 1, 'v')] });
    await settled(two.broker);
    expect(await commit(two)).toEqual({ partitions: first.partitions, repeated: true });
    expect((await counts())[0]?.[0]).toBe(62);
  });

  test('takes a part once, and answers it again as the first time', async () => {
    const { one, two, add, commit, counts } = await world();
    const first = await add(one, { records: [to('a', 0, 'v'), to('b', 1, 'v')] });
    expect(await add(two, { records: [to('a', 2, 'other')] })).toEqual({ records: first.records, repeated: true });
    await commit(one);
    expect(await counts()).toEqual([
      [1, 0, 0, 0],
      [0, 1, 0, 0],
    ]);
  });

  test('may be the largest there is: as many parts as are allowed, in a ledger whose tail is not empty', async () => {
    const { one, add, commit, counts } = await world();
    for (let times = 0; times < 40; times++) {
      one.broker.sealer.seal = async () => {};
      await transact(one.broker, { records: [to('a', 0, 'before')] });
    }
    for (let part = 0; part < transactionLimits.transactionPartsMax; part++) await add(one, { part });
    await expect(add(one, { part: transactionLimits.transactionPartsMax })).rejects.toThrow('transactionPartsMax');
    delete (one.broker.sealer as { seal?: unknown }).seal;
    await commit(one);
    expect((await counts())[0]?.[0]).toBe(40 + transactionLimits.transactionPartsMax);
  });

  test('beyond the items of one atomic write is refused by name of the limit: a part at once, parts together at the commit', async () => {
    const { stores, one, add, commit, abort, counts } = await world();
    const topic = { name: 'wide', partitions: 300, config: { 'ledger.partitions': 1 } };
    await createTopic(makeBroker({ stores }).broker, topic);
    const records = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => to('wide', from + index, 'v'));
    const refusal = { code: 'POLICY_VIOLATION', effect: 'none' };
    await expect(add(one, { records: records(0, 300) })).rejects.toMatchObject(refusal);
    await add(one, { records: records(0, 60) });
    await add(one, { part: 1, records: records(60, 60) });
    await expect(commit(one)).rejects.toMatchObject(refusal);
    await abort(one);
    expect(await counts()).toEqual(NOTHING);
  });

  test('that is aborted never appears, and its id goes on', async () => {
    const { one, add, commit, abort, counts, caller, items } = await world();
    await add(one);
    await abort(one);
    await abort(one);
    await expect(commit(one)).rejects.toMatchObject({ code: 'INVALID_TXN_STATE', effect: 'none' });
    expect(await counts()).toEqual(NOTHING);
    await settled(one.broker);
    expect(await items()).toEqual(['state']);
    const next = { ...caller, number: 1 };
    await add(one, { caller: next });
    await commit(one, next);
    await expect(abort(one, next)).rejects.toMatchObject({ code: 'INVALID_TXN_STATE', effect: 'none' });
    expect((await counts())[0]).toEqual([1, 0, 0, 0]);
  });

  test('is over when its time is: the commit is refused, and nothing appears', async () => {
    const { one, two, add, commit, counts, caller, items } = await world();
    await add(one);
    await one.clock.advance(transactionLimits.transactionTimeoutMsDefault);
    expect(await describeTransaction(two.broker, ID)).toMatchObject({ status: 'aborted', abortReason: 'timed-out' });
    await expect(commit(one)).rejects.toMatchObject({
      code: 'INVALID_TXN_STATE',
      message: expect.stringContaining('timeout') as unknown,
    });
    await settled(one.broker);
    expect(await items()).toEqual(['state']);
    expect(await counts()).toEqual(NOTHING);
    await add(two, { caller: { ...caller, number: 1 } });
    expect(await describeTransaction(two.broker, ID)).toMatchObject({ status: 'ongoing', number: 1, parts: 1 });
  });

  test('of a process that was taken over is fenced, wherever it is', async () => {
    const { one, two, add, commit, abort, counts, epoch, items } = await world();
    await add(one);
    const taken = await initializeTransactions(two.broker, { transactionalId: ID, timeoutMs: 1_000 });
    expect(taken).toMatchObject({ epoch: epoch + 1, timeoutMs: 1_000 });
    const fenced = { code: 'PRODUCER_FENCED', effect: 'none' };
    await expect(add(one, { part: 1 })).rejects.toMatchObject(fenced);
    await expect(commit(one)).rejects.toMatchObject(fenced);
    await expect(abort(one)).rejects.toMatchObject(fenced);
    expect(await counts()).toEqual(NOTHING);
    await settled(two.broker);
    expect(await items()).toEqual(['state']);
  });

  test('of two that commit it at once has one outcome', async () => {
    const { one, two, add, commit, counts } = await world();
    await add(one, { records: [to('a', 0, 'v'), to('b', 0, 'v')] });
    const answers = await Promise.all([commit(one), commit(two)]);
    expect(answers[0].partitions).toEqual(answers[1].partitions);
    expect(answers.filter(({ repeated }) => repeated)).toHaveLength(1);
    expect((await counts())[0]).toEqual([1, 0, 0, 0]);
  });

  test('is committed or aborted, not both, by two processes at once', async () => {
    for (let times = 0; times < 20; times++) {
      const { one, two, add, commit, abort, counts } = await world();
      await add(one);
      const [committed, aborted] = await Promise.allSettled([commit(one), abort(two)]);
      expect([committed.status, aborted.status].sort((x, y) => x.localeCompare(y))).toEqual(['fulfilled', 'rejected']);
      expect((await counts())[0]?.[0]).toBe(committed.status === 'fulfilled' ? 1 : 0);
    }
  });

  test('whose bytes the sweeper gave up is over', async () => {
    const { one, two, add, commit, counts, stores } = await world();
    await add(one);
    const nowMs = stores.clock.now();
    const report = await sweep(two.broker, { fromMs: nowMs - 10_000, toMs: nowMs + 10_000, orphanAgeMs: 0 });
    expect(report.deleted).toBe(1);
    await expect(commit(one)).rejects.toMatchObject({ code: 'INVALID_TXN_STATE', effect: 'none' });
    expect(await counts()).toEqual(NOTHING);
  });

  test('keeps its bytes from the sweeper for as long as it may be open', async () => {
    const { one, two, add, commit, caller, stores } = await world();
    const { epoch } = await initializeTransactions(one.broker, {
      transactionalId: ID,
      timeoutMs: transactionLimits.transactionTimeoutMsMax,
    });
    await add(one, { caller: { ...caller, epoch } });
    await one.clock.advance(transactionLimits.transactionTimeoutMsMax - 1);
    const nowMs = stores.clock.now();
    await sweep(two.broker, { fromMs: nowMs - sweeperLimits.orphanAgeMs, toMs: nowMs });
    await commit(one, { ...caller, epoch });
    expect(await valuesIn(two, 'a', 0)).toEqual(['v']);
    expect(transactionLimits.transactionTimeoutMsMax).toBeLessThan(sweeperLimits.orphanAgeMs / 2);
  });

  test.each([0, -1, 1.5, transactionLimits.transactionTimeoutMsMax + 1])(
    'is not opened with a timeout of %d ms',
    async (timeoutMs) => {
      const { one } = await world();
      await expect(initializeTransactions(one.broker, { transactionalId: ID, timeoutMs })).rejects.toMatchObject({
        code: 'INVALID_TRANSACTION_TIMEOUT',
      });
    },
  );

  test('is not known of an id that nobody has initialized', async () => {
    const { one } = await world();
    await expect(describeTransaction(one.broker, 'other')).rejects.toMatchObject({
      code: 'TRANSACTIONAL_ID_NOT_FOUND',
    });
    const caller = { epoch: 0, number: 0 };
    const add = addToTransaction(one.broker, { transactionalId: 'other', caller, part: 0, records: [to('a', 0, 'v')] });
    await expect(add).rejects.toMatchObject({ code: 'INVALID_PRODUCER_ID_MAPPING', effect: 'none' });
  });
});

describe('a transaction in parts under faults', () => {
  /**
   * The whole of it by one process whose storage loses this answer; then another process finishes it, whatever is left.
   */
  const interrupted = async (call: number, when: 'before' | 'after') => {
    const { stores, one, two, add, commit, counts, a } = await world();
    let calls = 0;
    const step = async <T>(proceed: () => Promise<T>): Promise<T> => {
      if (calls++ !== call) return proceed();
      if (when === 'after') await proceed();
      throw lost();
    };
    Object.assign(one.metadata, { onGet: step, onWrite: step });
    one.objects.onPut = step;
    const parts = [[to('a', 0, 'v'), to('b', 1, 'v')], [to('a', 0, 'w')]];
    const offsets = { group: 'g', offsets: [{ topic: 'a', partition: 2, offset: 5 }] };
    const all = async (process: Process) => {
      for (const [part, records] of parts.entries()) await finished(process, add(process, { part, records, offsets }));
      return commit(process);
    };
    await all(one).catch(() => undefined);
    const state = await counts();
    // Whoever goes on after a commit may not add, and needs not.
    const { partitions } = await all(two).catch(() => commit(two));
    return {
      calls,
      state,
      partitions,
      end: await counts(),
      offset: await committedOffset(stores.metadata, { group: 'g', topic: a, partition: 2 }),
    };
  };
  const whole = [
    [2, 0, 0, 0],
    [0, 1, 0, 0],
  ];

  test.each(['before', 'after'] as const)(
    'is all or nothing, and can be finished, with an answer lost %s any call',
    async (when) => {
      const { calls } = await interrupted(-1, when);
      expect(calls).toBeGreaterThan(10);
      for (let call = 0; call < calls; call++) {
        const { state, end, partitions, offset } = await interrupted(call, when);
        expect([NOTHING, whole]).toContainEqual(state);
        expect(end).toEqual(whole);
        expect(partitions.map(({ baseOffset }) => baseOffset)).toEqual([0, 0]);
        expect(offset).toBe(5);
      }
    },
  );
});
