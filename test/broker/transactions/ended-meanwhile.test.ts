/** Transactions that end, by whoever takes the id over, between two steps of a call for them. */
import { describe, expect, test } from 'vitest';
import { abortTransaction } from '../../../lib/broker/transactions/abort-transaction.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { lost, makeBroker, makeStores, settled } from '../../support/broker.ts';
import { committedOffset, finished, makeTopics, to } from '../../support/transactions.ts';

const ID = 'id';

async function world() {
  const stores = makeStores();
  const topics = await makeTopics({ stores });
  const [one, two] = [makeBroker({ stores }), makeBroker({ stores })];
  const { epoch } = await initializeTransactions(one.broker, { transactionalId: ID });
  const caller = { epoch, number: 0 };
  const takeOver = async () => {
    await initializeTransactions(two.broker, { transactionalId: ID });
    await settled(two.broker);
  };
  const abort = async () => {
    await abortTransaction(two.broker, { transactionalId: ID, caller });
    await settled(two.broker);
  };
  return { stores, one, caller, takeOver, abort, ...topics };
}

describe('a commit of offsets alone', () => {
  const offsets = { group: 'g', offsets: [{ topic: 'a', partition: 3, offset: 9 }] };

  test('whose answer was lost is not said to have had no effect when the id was taken over since', async () => {
    const { stores, one, caller, takeOver, a } = await world();
    await addToTransaction(one.broker, { transactionalId: ID, caller, part: 0, records: [], offsets });
    one.metadata.onWrite = async (proceed) => {
      one.metadata.onWrite = undefined;
      await proceed();
      await takeOver();
      throw lost();
    };
    const commit = finished(one, commitTransaction(one.broker, { transactionalId: ID, caller }));
    await expect(commit).rejects.toMatchObject({ code: 'PRODUCER_FENCED', effect: 'unknown' });
    expect(await committedOffset(stores.metadata, { group: 'g', topic: a, partition: 3 })).toBe(9);
  });

  test('that the id was taken over before has no effect', async () => {
    const { stores, one, caller, takeOver, a } = await world();
    await addToTransaction(one.broker, { transactionalId: ID, caller, part: 0, records: [], offsets });
    one.metadata.onWrite = async (proceed) => {
      one.metadata.onWrite = undefined;
      await takeOver();
      return proceed();
    };
    const commit = finished(one, commitTransaction(one.broker, { transactionalId: ID, caller }));
    await expect(commit).rejects.toMatchObject({ code: 'PRODUCER_FENCED', effect: 'none' });
    expect(await committedOffset(stores.metadata, { group: 'g', topic: a, partition: 3 })).toBeUndefined();
  });
});

test.each([
  ['taken over', 'takeOver', 'PRODUCER_FENCED'],
  ['aborted', 'abort', 'INVALID_TXN_STATE'],
] as const)('a part that is added again while its transaction is %s is refused', async (_, end, code) => {
  const { one, caller, ...ends } = await world();
  const part = { transactionalId: ID, caller, part: 0, records: [to('a', 0, 'v')] };
  await addToTransaction(one.broker, part);
  let reads = 0;
  one.metadata.onGet = async (proceed) => {
    // The state first, and then the part that it counts.
    if (++reads === 2) await ends[end]();
    return proceed();
  };
  await expect(finished(one, addToTransaction(one.broker, part))).rejects.toMatchObject({ code });
});
