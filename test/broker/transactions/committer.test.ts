import { describe, expect, test } from 'vitest';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { type TransactRequest, transact } from '../../../lib/broker/transactions/transact.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import type { WriteResult } from '../../../lib/storage/metadata/port.ts';
import { lost, makeBroker, makeStores } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { committedOffset, finished, makeTopics, recordCounts, to } from '../../support/transactions.ts';

type Proceed = () => Promise<WriteResult>;

/** A process whose first atomic write is held back, so that others gather behind it. */
async function world() {
  const stores = makeStores();
  const topics = await makeTopics({ stores });
  const process = makeBroker({ stores });
  const gate = Promise.withResolvers<void>();
  let later: ((proceed: Proceed) => Promise<WriteResult>)[] = [];
  const sizes: number[] = [];
  process.metadata.onWrite = async (proceed, writes) => {
    if (writes.length > 1) {
      sizes.push(writes.length);
      if (sizes.length === 1) await gate.promise;
      else return later.shift()?.(proceed) ?? proceed();
    }
    return proceed();
  };
  const start = (request: TransactRequest) => transact(process.broker, request);
  /** Starts them all behind one that is held, lets it go, and waits for all. */
  const gathered = async (requests: TransactRequest[], scripts: typeof later = []) => {
    later = scripts;
    const first = start({ records: [to('a', 0, 'first'), to('b', 0, 'first')] });
    await idle();
    const others = requests.map(start);
    for (const other of others) other.catch(() => {});
    await idle();
    gate.resolve();
    await first;
    return finished(process, Promise.allSettled(others));
  };
  const offsetsOf = (results: PromiseSettledResult<Awaited<ReturnType<typeof start>>>[]) =>
    results.map((result) => (result.status === 'fulfilled' ? result.value.records.map(({ offset }) => offset) : []));
  return { stores, process, sizes, start, gathered, offsetsOf, ...topics };
}

const offset = (partition: number) => ({ group: 'g', offsets: [{ topic: 'a', partition, offset: partition + 1 }] });

describe('transactions that wait for the same ledger', () => {
  test('share one atomic write, with one update for each ledger', async () => {
    const { stores, gathered, offsetsOf, sizes, a, b } = await world();
    const request = { records: [to('a', 0, 'v'), to('b', 0, 'v')] };
    const results = await gathered([request, request, { ...request, offsets: offset(3) }]);
    expect(offsetsOf(results)).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(sizes).toEqual([2, 3]);
    expect(await recordCounts(stores.metadata, a)).toEqual([4, 0, 0, 0]);
    expect(await recordCounts(stores.metadata, b)).toEqual([4, 0, 0, 0]);
    expect(await committedOffset(stores.metadata, { group: 'g', topic: a, partition: 3 })).toBe(4);
  });

  test('do not share where both change one transactional id or one item of offsets', async () => {
    const { gathered, sizes } = await world();
    const records = [to('a', 0, 'v')];
    const results = await gathered([
      { records, offsets: offset(0) },
      { records, offsets: offset(1) },
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    expect(sizes).toEqual([2, 2, 2]);
  });

  test('go on one by one where the write is refused because of one of them', async () => {
    const { stores, process, gathered, offsetsOf, a } = await world();
    const other = makeBroker({ stores });
    const numbered = { transactionalId: 'x', caller: { epoch: 0, number: 0 }, records: [to('a', 0, 'ours')] };
    const results = await gathered(
      [{ records: [to('a', 0, 'v'), to('a', 1, 'v')] }, numbered],
      [
        async (proceed) => {
          await transact(other.broker, { ...numbered, caller: { epoch: 1, number: 0 } });
          return proceed();
        },
      ],
    );
    expect(offsetsOf(results)).toEqual([[2, 0], []]);
    expect(results[1]).toMatchObject({ reason: { code: 'INVALID_PRODUCER_EPOCH', effect: 'none' } });
    expect((await recordCounts(stores.metadata, a)).slice(0, 2)).toEqual([3, 1]);
    expect(process.logged).toEqual([]);
  });

  test.each(['before', 'after'])(
    'find out each for itself what became of a write whose answer was lost %s it',
    async (when) => {
      const { stores, gathered, offsetsOf, a } = await world();
      const request = { records: [to('a', 0, 'v'), to('b', 0, 'v')] };
      const results = await gathered(
        [request, { ...request, transactionalId: 'x', caller: { epoch: 0, number: 0 } }],
        [
          async (proceed) => {
            if (when === 'after') await proceed();
            throw lost();
          },
        ],
      );
      expect(
        offsetsOf(results)
          .flat()
          .sort((x, y) => x - y),
      ).toEqual([1, 1, 2, 2]);
      expect((await recordCounts(stores.metadata, a))[0]).toBe(3);
    },
  );

  test('bring no more commits to a ledger at once than a shared write holds', async () => {
    const { stores, gathered, sizes, a } = await world();
    const many = transactionLimits.commitsPerSharedWriteMax + 3;
    const results = await gathered(
      Array.from({ length: many }, () => ({ records: [to('a', 0, 'v'), to('a', 1, 'v')] })),
    );
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    expect((await recordCounts(stores.metadata, a)).slice(0, 2)).toEqual([many + 1, many]);
    expect(sizes).toEqual([2, 2, 2]);
  });
});

describe('transactions that share no ledger', () => {
  test('do not wait for each other', async () => {
    const { process, start } = await world();
    const held = start({ records: [to('a', 0, 'held'), to('b', 0, 'held')] });
    await idle();
    const { records } = await finished(process, start({ records: [to('a', 1, 'v'), to('b', 1, 'v')] }));
    expect(records.map(({ offset: at }) => at)).toEqual([0, 0]);
    expect(await Promise.race([held.then(() => 'done'), idle().then(() => 'waiting')])).toBe('waiting');
  });
});

describe('transactions and plain appends', () => {
  test('of one ledger at once all get their own offsets, without a gap', async () => {
    const stores = makeStores();
    const { a, b } = await makeTopics({ stores });
    const [one, two] = [makeBroker({ stores }), makeBroker({ stores })];
    const works = Array.from({ length: 40 }, async (_, index) => {
      const { broker } = index % 2 === 0 ? one : two;
      if (index % 4 < 2) return transact(broker, { records: [to('a', 0, `${index}`), to('b', 0, `${index}`)] });
      return produceRecords(broker, { topic: 'a', records: [{ ...to('a', 0, `${index}`) }], acks: 'all' });
    });
    await finished(one, Promise.all(works));
    expect((await recordCounts(stores.metadata, a))[0]).toBe(40);
    expect((await recordCounts(stores.metadata, b))[0]).toBe(20);
  });
});

describe('a process', () => {
  test('takes only so many transactions at a time, and says so before anything is stored', async () => {
    const { broker, objects } = makeBroker({ stores: makeStores() });
    const leave = Array.from({ length: transactionLimits.pendingTransactionsMax }, () => broker.committer.admit(1));
    expect(() => broker.committer.admit(1)).toThrow(expect.objectContaining({ code: 'THROTTLING_QUOTA_EXCEEDED' }));
    for (const done of leave) done();
    expect(() => broker.committer.admit(produceLimits.pendingBytesMax + 1)).toThrow('transactions');
    broker.committer.admit(produceLimits.pendingBytesMax)();
    expect(objects.count('put')).toBe(0);
  });
});
