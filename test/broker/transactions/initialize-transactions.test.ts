import { describe, expect, test } from 'vitest';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { describeTransaction } from '../../../lib/broker/transactions/describe-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { PRODUCER_EPOCH_MAX } from '../../../lib/coordination/producers/producer-id-item.ts';
import { epochOf } from '../../../lib/coordination/transactions/producer.ts';
import { transactionalKey } from '../../../lib/coordination/transactions/transactional-item.ts';
import { lost, makeBroker, makeStores } from '../../support/broker.ts';
import { finished, makeTopics, to } from '../../support/transactions.ts';

const ID = 'id';

async function world() {
  const stores = makeStores();
  await makeTopics({ stores });
  const [one, two] = [makeBroker({ stores }), makeBroker({ stores })];
  const init = ({ broker }: typeof one, transactionalId = ID) => initializeTransactions(broker, { transactionalId });
  return { stores, one, two, init };
}

describe('initialization', () => {
  test('gives a transactional id a producer id that nobody else has, for good', async () => {
    const { one, two, init } = await world();
    const first = await init(one);
    expect(first).toMatchObject({ epoch: 0, producer: { epoch: 0 } });
    const others = await Promise.all([init(one, 'b'), init(two, 'c'), one.broker.producerIds.next()]);
    const ids = [first.producer.id, others[0].producer.id, others[1].producer.id, others[2]];
    expect(new Set(ids).size).toBe(4);
    expect(await init(two)).toMatchObject({ epoch: 1, producer: { id: first.producer.id, epoch: 1 } });
  });

  test('takes no more producer ids than there are transactional ids', async () => {
    const { one, init } = await world();
    const { producer } = await init(one);
    for (let times = 0; times < 5; times++) await init(one);
    expect(await one.broker.producerIds.next()).toBe(producer.id + 1);
  });

  test('goes on with another producer id and the epoch 0 where the epochs are used up', async () => {
    const { stores, one, two, init } = await world();
    const first = await init(one);
    const used = { changes: { add: { e: PRODUCER_EPOCH_MAX - 1, v: 1 } } };
    await stores.metadata.write([{ kind: 'update', key: transactionalKey(ID), ...used }]);
    const last = { id: first.producer.id, epoch: PRODUCER_EPOCH_MAX - 1 };
    const state = await describeTransaction(two.broker, ID);
    const caller = { epoch: epochOf(state, last) as number, number: 0 };
    await addToTransaction(one.broker, { transactionalId: ID, caller, part: 0, records: [to('a', 0, 'v')] });
    const renewed = await initializeTransactions(two.broker, { transactionalId: ID, expected: last });
    expect(renewed.producer.epoch).toBe(0);
    expect(renewed.producer.id).not.toBe(first.producer.id);
    expect(renewed.epoch).toBe(PRODUCER_EPOCH_MAX);
    // The old one is fenced, and what it had open is gone.
    const add = addToTransaction(one.broker, { transactionalId: ID, caller, part: 1, records: [to('a', 0, 'v')] });
    await expect(add).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
    expect(await describeTransaction(one.broker, ID)).toMatchObject({ status: 'empty', parts: 0 });
  });

  test('of a producer that says who it is costs one epoch, whichever answers are lost', async () => {
    const { one, two, init } = await world();
    const { producer } = await init(one);
    let writes = 0;
    one.metadata.onWrite = async (proceed) => {
      const result = await proceed();
      if (writes++ === 0) throw lost();
      return result;
    };
    const own = { transactionalId: ID, expected: producer };
    const again = await finished(one, initializeTransactions(one.broker, own));
    expect(again).toMatchObject({ epoch: 1, producer: { id: producer.id, epoch: 1 } });
    expect(await initializeTransactions(two.broker, own)).toEqual(again);
    expect(writes).toBe(1);
  });

  test('of a producer that says who it was is refused once another has taken the id over', async () => {
    const { one, two, init } = await world();
    const { producer } = await init(one);
    await init(two);
    const own = initializeTransactions(one.broker, { transactionalId: ID, expected: producer });
    await expect(own).rejects.toMatchObject({ code: 'PRODUCER_FENCED', effect: 'none' });
    expect(await describeTransaction(one.broker, ID)).toMatchObject({ epoch: 1 });
  });
});
