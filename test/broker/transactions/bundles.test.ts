/**
 * Transactions of very many parts: their commits to one ledger go into a bundle, and all of them into the log at once.
 */
import { describe, expect, test } from 'vitest';
import { listOffsets } from '../../../lib/broker/fetch/list-offsets.ts';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { abortTransaction } from '../../../lib/broker/transactions/abort-transaction.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import type { TransactionRecord } from '../../../lib/broker/transactions/prepare.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { ledgerKey } from '../../../lib/log/ledger/head.ts';
import { ledgerOf, type Topic } from '../../../lib/log/topic/topic.ts';
import type { WriteResult } from '../../../lib/storage/metadata/port.ts';
import { headOf, lost, makeBroker, makeStores, objectNames, type Process, settled } from '../../support/broker.ts';
import { allValuesIn, finished, makeTopics, recordCounts, to } from '../../support/transactions.ts';

const ID = 'id';
const MANY = transactionLimits.commitsPerAppendMax + 3;

async function world({ partitions = 4, ledgerPartitions = 2 } = {}) {
  const stores = makeStores();
  const topics = await makeTopics({ stores, partitions, ledgerPartitions });
  const [one, two] = [makeBroker({ stores }), makeBroker({ stores })];
  const { epoch } = await initializeTransactions(one.broker, { transactionalId: ID });
  const caller = { epoch, number: 0 };
  const add = (process: Process, part: number, records: readonly TransactionRecord[]) =>
    finished(process, addToTransaction(process.broker, { transactionalId: ID, caller, part, records }));
  const addAll = async (process: Process, parts: readonly (readonly TransactionRecord[])[]) => {
    for (const [part, records] of parts.entries()) await add(process, part, records);
  };
  const commit = (process: Process) =>
    finished(process, commitTransaction(process.broker, { transactionalId: ID, caller }));
  const abort = (process: Process) => abortTransaction(process.broker, { transactionalId: ID, caller });
  const counts = async () => [
    await recordCounts(stores.metadata, topics.a),
    await recordCounts(stores.metadata, topics.b),
  ];
  const bundles = async (topic: Topic, partition = 0) => {
    const pk = ledgerKey(ledgerOf(topic, partition).ledger);
    const { items } = await stores.metadata.query({
      pk,
      from: 'bundle#',
      to: 'bundle$',
      limit: 100,
      consistency: 'strong',
    });
    return items.length;
  };
  /** Another process appends to the ledger of `a` 0 and seals it until its head remembers nothing from before. */
  const forget = async () => {
    const { ledger } = ledgerOf(topics.a, 0);
    for (let times = 0; times <= ledgerLimits.sealsRemembered + 1; times++) {
      await transact(two.broker, { records: [to('a', 0, 'other')] });
      await two.broker.sealer.seal(ledger);
    }
  };
  return { stores, one, two, caller, add, addAll, commit, abort, counts, bundles, forget, ...topics };
}

/** One record of each part to `a` 0, and one more to `a` 1, `b` 0 and `b` 3 now and then. */
function parts(count: number): TransactionRecord[][] {
  return Array.from({ length: count }, (_, part) => [
    to('a', 0, `${part}`),
    ...(part % 2 === 0 ? [to('a', 1, `${part}`)] : []),
    ...(part % 3 === 0 ? [to('b', 0, `${part}`)] : []),
    ...(part === 5 ? [to('b', 3, `${part}`)] : []),
  ]);
}

const sent = (all: readonly (readonly TransactionRecord[])[], topic: string, partition: number) =>
  all
    .flat()
    .filter((record) => record.topic === topic && record.partition === partition)
    .map(({ value }) => new TextDecoder().decode(value ?? undefined));

describe('a transaction of several hundred parts', () => {
  test('appears at once, in the order in which it was added, as one entry of each ledger', async () => {
    const { stores, one, two, addAll, commit, counts, a, b, bundles } = await world();
    await transact(two.broker, { records: [to('a', 1, 'before'), to('b', 0, 'before')] });
    const all = parts(400);
    await addAll(one, all);
    expect((await counts()).flat()).toEqual([0, 1, 0, 0, 1, 0, 0, 0]);
    one.metadata.forget();
    const { partitions, repeated } = await commit(one);
    expect(repeated).toBe(false);
    expect(partitions).toEqual([
      { topic: 'a', partition: 0, baseOffset: 0, records: 400 },
      { topic: 'a', partition: 1, baseOffset: 1, records: 200 },
      { topic: 'b', partition: 0, baseOffset: 1, records: 134 },
      { topic: 'b', partition: 3, baseOffset: 0, records: 1 },
    ]);
    const committing = one.metadata.calls.filter((call) => call.startsWith('write') && call.includes('state'));
    expect(committing).toEqual(['write head head head state']);
    for (const reader of [one, two]) {
      expect(await allValuesIn(reader, 'a', 0)).toEqual(sent(all, 'a', 0));
      expect(await allValuesIn(reader, 'a', 1)).toEqual(['before', ...sent(all, 'a', 1)]);
      expect(await allValuesIn(reader, 'b', 0)).toEqual(['before', ...sent(all, 'b', 0)]);
      expect(await allValuesIn(reader, 'b', 3)).toEqual(['5']);
    }
    expect((await headOf(stores.metadata, ledgerOf(a, 0).ledger)).tail).toHaveLength(2);
    expect([await bundles(a), await bundles(b), await bundles(b, 3)]).toEqual([1, 1, 0]);
  });

  test('is read the same after any number of seals, and answered the same', async () => {
    const { stores, one, two, addAll, commit, forget } = await world();
    const all = parts(60);
    await addAll(one, all);
    const first = await commit(one);
    await forget();
    const reader = makeBroker({ stores });
    expect((await allValuesIn(two, 'a', 0)).slice(0, 60)).toEqual(sent(all, 'a', 0));
    expect(await allValuesIn(reader, 'a', 1)).toEqual(sent(all, 'a', 1));
    expect(await commit(two)).toEqual({ partitions: first.partitions, repeated: true });
  });

  test('is found by its times, in the tail and in pages', async () => {
    const { one, two, addAll, commit, forget } = await world();
    const at = (part: number) => Date.UTC(2025, 5, 1) + 10 * part;
    const all = Array.from({ length: 50 }, (_, part) => [{ ...to('a', 0, `${part}`), timestamp: at(part) }]);
    await addAll(one, all);
    await commit(one);
    const look = (timestampMs: number) =>
      listOffsets(two.broker, { topic: 'a', partition: 0, at: { at: 'timestamp', timestampMs } });
    for (const sealed of [false, true]) {
      if (sealed) await forget();
      for (const part of [0, 1, 27, 49]) {
        expect(await look(at(part) - 5)).toMatchObject({ offset: part, timestamp: at(part) });
      }
      expect(await look(at(49) + 1)).toMatchObject({ offset: sealed ? 50 : null });
    }
  });

  test('that is aborted leaves nothing', async () => {
    const { one, two, stores, addAll, abort, counts, bundles, a } = await world();
    await addAll(one, parts(100));
    await abort(one);
    await settled(one.broker);
    expect((await counts()).flat().every((count) => count === 0)).toBe(true);
    expect(await bundles(a)).toBe(0);
    const nowMs = stores.clock.now();
    const report = await sweep(two.broker, { fromMs: nowMs - 100_000, toMs: nowMs + 10_000, orphanAgeMs: 0 });
    expect(report.deleted).toBe(100);
  });

  test('is refused beyond the number of parts, by name of the limit', async () => {
    const { one, two, add, counts, commit } = await world();
    for (let part = 0; part < transactionLimits.transactionPartsMax; part++) await add(one, part, [to('a', 0, 'v')]);
    const more = add(two, transactionLimits.transactionPartsMax, [to('a', 0, 'v')]);
    await expect(more).rejects.toThrow('transactionPartsMax');
    await commit(two);
    expect((await counts())[0]).toEqual([transactionLimits.transactionPartsMax, 0, 0, 0]);
  });
});

describe('a sweeper', () => {
  test.each(['tail', 'pages'])('keeps objects that only a bundle in the %s names', async (where) => {
    const { stores, one, two, addAll, commit, forget } = await world();
    const all = parts(MANY);
    await addAll(one, all);
    await commit(one);
    if (where === 'pages') await forget();
    await one.clock.advance(2 * sweeperLimits.orphanAgeMs);
    const before = await objectNames(stores);
    const report = await sweep(two.broker, {
      fromMs: stores.clock.now() - 3 * sweeperLimits.orphanAgeMs,
      toMs: stores.clock.now(),
    });
    expect(report).toMatchObject({ deleted: 0, unreadable: 0 });
    expect(report.examined).toBeGreaterThanOrEqual(MANY);
    expect(await objectNames(stores)).toEqual(before);
    const reader = makeBroker({ stores });
    expect((await allValuesIn(reader, 'a', 0)).slice(0, MANY)).toEqual(sent(all, 'a', 0));
  });
});

describe('deleting a topic', () => {
  test('removes its bundles', async () => {
    const { one, addAll, commit, bundles, a } = await world();
    await addAll(one, parts(MANY));
    await commit(one);
    expect(await bundles(a)).toBe(1);
    await deleteTopic(one.broker, 'a');
    await settled(one.broker);
    expect(await bundles(a)).toBe(0);
  });
});

describe('a bundle', () => {
  test('is committed once by two processes at once, and the other one is not left behind', async () => {
    for (let times = 0; times < 5; times++) {
      const { one, two, addAll, commit, counts, bundles, a, b } = await world();
      await addAll(one, parts(MANY));
      const answers = await Promise.all([commit(one), commit(two)]);
      expect(answers[0].partitions).toEqual(answers[1].partitions);
      expect(answers.filter(({ repeated }) => repeated)).toHaveLength(1);
      expect((await counts()).flat().slice(0, 2)).toEqual([MANY, Math.ceil(MANY / 2)]);
      await Promise.all([settled(one.broker), settled(two.broker)]);
      expect([await bundles(a), await bundles(b)]).toEqual([1, 0]);
    }
  });

  /** The commit of a transaction whose first ledger gets a bundle and whose others do not. */
  const scripted = async (script: (proceed: () => Promise<WriteResult>, other: () => Promise<unknown>) => unknown) => {
    const made = await world();
    const { one, two, addAll, commit, counts, forget, stores, caller } = made;
    const all = parts(MANY);
    await addAll(one, all);
    let met = 0;
    one.metadata.onWrite = (proceed, writes: readonly Write[]) => {
      if (writes.length < 2 || met++ > 0) return proceed();
      return script(proceed, async () => {
        await commitTransaction(two.broker, { transactionalId: ID, caller });
        await forget();
      }) as Promise<WriteResult>;
    };
    const outcome = await commit(one);
    const values = await allValuesIn(makeBroker({ stores }), 'a', 0);
    return { ...made, outcome, values: values.filter((value) => value !== 'other'), all, counted: await counts() };
  };

  test.each<[string, Parameters<typeof scripted>[0]]>([
    [
      'whose answer was lost',
      async (proceed) => {
        await proceed();
        throw lost();
      },
    ],
    [
      'that never arrived',
      async () => {
        throw lost();
      },
    ],
    [
      'that another process was faster with, long ago',
      async (proceed, other) => {
        await other();
        return proceed();
      },
    ],
    [
      'of which neither is known, since another process was faster and the answer was lost',
      async (_, other) => {
        await other();
        throw lost();
      },
    ],
    [
      'that was applied, while another process found it and the head forgot it',
      async (proceed, other) => {
        await proceed();
        await other();
        throw lost();
      },
    ],
  ])('%s is in the log once', async (_, script) => {
    const { outcome, values, all, counted } = await scripted(script);
    expect(values).toEqual(sent(all, 'a', 0));
    expect(outcome.partitions.map(({ baseOffset, records }) => [baseOffset, records])).toEqual([
      [0, MANY],
      [0, Math.ceil(MANY / 2)],
      [0, Math.ceil(MANY / 3)],
      [0, 1],
    ]);
    expect(counted[1]).toEqual([Math.ceil(MANY / 3), 0, 0, 1]);
  });

  test('that comes late, after the transaction was committed by another process, is refused', async () => {
    let late: (() => Promise<WriteResult>) | undefined;
    const { counts, counted } = await scripted(async (proceed, other) => {
      late = proceed;
      await other();
      throw lost();
    });
    expect((await late?.())?.outcome).toBe('refused');
    expect(await counts()).toEqual(counted);
  });

  test('that cannot be stored fails the commit without effect, which can be repeated', async () => {
    const { one, two, addAll, commit, counts } = await world();
    await addAll(one, parts(MANY));
    one.metadata.onWrite = (proceed, [write]) => {
      if (write?.key.sk.startsWith('bundle#')) throw lost();
      return proceed();
    };
    await expect(commit(one)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'none', retriable: true });
    expect((await counts()).flat().every((count) => count === 0)).toBe(true);
    expect((await commit(two)).partitions).toHaveLength(4);
  });

  test('that is not found is a fault of its readers that passes', async () => {
    const { one, two, addAll, commit } = await world();
    await addAll(one, parts(MANY));
    await commit(one);
    two.metadata.onGet = (proceed, { sk }) => (sk.startsWith('bundle#') ? undefined : proceed());
    await expect(allValuesIn(two, 'a', 0)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
    two.metadata.onGet = undefined;
    expect(await allValuesIn(two, 'a', 0)).toHaveLength(MANY);
  });
});

describe('a transaction with bundles under faults', () => {
  /** The commit by one process whose storage loses this answer; then another process finishes it, whatever is left. */
  const interrupted = async (call: number, when: 'before' | 'after') => {
    const { one, two, addAll, commit, counts } = await world();
    await addAll(one, parts(MANY));
    let calls = 0;
    const step = async <T>(proceed: () => Promise<T>): Promise<T> => {
      if (calls++ !== call) return proceed();
      if (when === 'after') await proceed();
      throw lost();
    };
    Object.assign(one.metadata, { onGet: step, onWrite: step });
    await commit(one).catch(() => undefined);
    const state = (await counts()).flat();
    const { partitions } = await commit(two);
    return { calls, state, partitions, end: (await counts()).flat() };
  };
  const whole = [MANY, Math.ceil(MANY / 2), 0, 0, Math.ceil(MANY / 3), 0, 0, 1];

  test.each(['before', 'after'] as const)(
    'is all or nothing, and can be finished, with an answer lost %s any call',
    async (when) => {
      const { calls } = await interrupted(-1, when);
      expect(calls).toBeGreaterThan(5);
      for (let call = 0; call < calls; call++) {
        const { state, end, partitions } = await interrupted(call, when);
        expect([whole.map(() => 0), whole]).toContainEqual(state);
        expect(end).toEqual(whole);
        expect(partitions.map(({ baseOffset }) => baseOffset)).toEqual([0, 0, 0, 0]);
      }
    },
  );
});
