/** Ends of transactions that give the producer its next epoch (KIP-890). */
import { expect, it } from 'vitest';
import { produceInTransaction } from '../../../lib/broker/produce/produce-in-transaction.ts';
import { endTransaction } from '../../../lib/broker/transactions/end-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { PRODUCER_EPOCH_MAX } from '../../../lib/coordination/producers/producer-id-item.ts';
import {
  decodeTransactional,
  type ProducerIdentity,
  planTransactional,
  transactionalKey,
} from '../../../lib/coordination/transactions/transactional-item.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { makeBroker, makeStores, type Process, type Stores } from '../../support/broker.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { finished, makeTopics, valuesIn } from '../../support/transactions.ts';

const ID = 'id';
const COMMIT = { transactionalId: ID, as: 'commit', raises: true } as const;

async function world() {
  const stores = makeStores();
  await makeTopics({ stores, ledgerPartitions: 2 });
  const [one, two] = [makeBroker({ stores }), makeBroker({ stores })];
  const { producer } = await initializeTransactions(one.broker, { transactionalId: ID });
  return { stores, one, two, producer };
}

/** The first record of the epoch. */
async function produce({ broker }: Process, stores: Stores, producer: ProducerIdentity, value: string): Promise<void> {
  const batches = encodeBatch([{ timestamp: stores.clock.now(), key: null, value: utf8(value), headers: [] }], {
    producerId: BigInt(producer.id),
    producerEpoch: producer.epoch,
    baseSequence: 0,
    transactional: true,
  });
  const request = { transactionalId: ID, topic: 'a', partition: 0, batches, enlists: true };
  await finished(stores, produceInTransaction(broker, request));
}

async function age({ metadata }: Stores, epochs: number): Promise<void> {
  const state = decodeTransactional((await metadata.get(transactionalKey(ID), 'strong')) ?? {});
  await metadata.write([planTransactional(ID, { ...state, version: state.version + 1, epoch: state.epoch + epochs })]);
}

it('asks the table for nothing more than an end that leaves the epoch', async () => {
  const requestsFor = async (as: 'commit' | 'abort', raises: boolean) => {
    const { stores, one, producer } = await world();
    await produce(one, stores, producer, 'a');
    one.metadata.forget();
    await finished(stores, endTransaction(one.broker, { transactionalId: ID, producer, as, raises }));
    await one.broker.background.settled();
    return ['get', 'query', 'write'].map((kind) => one.metadata.count(kind as 'get'));
  };
  expect(await requestsFor('commit', true)).toEqual(await requestsFor('commit', false));
  expect(await requestsFor('abort', true)).toEqual(await requestsFor('abort', false));
});

it('tells two processes that are asked at once the same, though each has another producer id ready', async () => {
  const { stores, one, two, producer } = await world();
  await age(stores, PRODUCER_EPOCH_MAX - 1);
  const last = { ...producer, epoch: PRODUCER_EPOCH_MAX - 1 };
  await produce(one, stores, last, 'a');
  const ends = [one, two].map(({ broker }) => endTransaction(broker, { ...COMMIT, producer: last }));
  const [first, second] = await finished(stores, Promise.all(ends));
  expect(first).toEqual({ id: expect.any(Number), epoch: 0 });
  expect(first?.id).not.toBe(producer.id);
  expect(second).toEqual(first);
  expect(await valuesIn(one, 'a', 0)).toEqual(['a']);
});

it('does not tell who has committed what another is called that has taken the id over since', async () => {
  const { stores, one, two, producer } = await world();
  await produce(one, stores, producer, 'a');
  const next = await finished(stores, endTransaction(one.broker, { ...COMMIT, producer }));
  expect(await endTransaction(two.broker, { ...COMMIT, producer })).toEqual(next);
  await initializeTransactions(two.broker, { transactionalId: ID });
  await expect(endTransaction(one.broker, { ...COMMIT, producer })).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
});

it.each([true, false])(
  'does not call aborted what is committed while its timeout is noted, by another clock (raises: %s)',
  async (raises) => {
    const { stores, one, producer } = await world();
    await produce(one, stores, producer, 'a');
    const late = { ...stores, clock: new ManualClock(stores.clock.now() + 24 * 3_600_000) };
    const other = makeBroker({ stores: late });
    const end = { ...COMMIT, raises, producer };
    const goesOn: ProducerIdentity[] = [];
    other.metadata.onWrite = async (proceed) => {
      other.metadata.onWrite = undefined;
      goesOn.push(await finished(stores, endTransaction(one.broker, end)));
      return proceed();
    };
    expect(await endTransaction(other.broker, end)).toEqual(raises ? { ...producer, epoch: 1 } : producer);
    expect(goesOn).toHaveLength(1);
    expect(await valuesIn(one, 'a', 0)).toEqual(['a']);
  },
);
