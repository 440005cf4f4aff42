/** Transactions of Kafka's producers that wait for the answer to each record, so that each is a part. */
import { beforeEach, describe, expect, it } from 'vitest';
import { produceInTransaction } from '../../../lib/broker/produce/produce-in-transaction.ts';
import { endTransaction } from '../../../lib/broker/transactions/end-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import {
  decodeTransactional,
  type ProducerIdentity,
  planTransactional,
  transactionalKey,
} from '../../../lib/coordination/transactions/transactional-item.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { makeBroker, makeStores, type Process, type Stores } from '../../support/broker.ts';
import { allValuesIn, finished, makeTopics } from '../../support/transactions.ts';

const ID = 'id';

let stores: Stores;
let process: Process;
let producer: ProducerIdentity;

beforeEach(async () => {
  stores = makeStores();
  await makeTopics({ stores });
  process = makeBroker({ stores });
  ({ producer } = await initializeTransactions(process.broker, { transactionalId: ID }));
});

async function produce(sequence: number): Promise<void> {
  const record = { timestamp: stores.clock.now(), key: null, value: utf8(String(sequence)), headers: [] };
  const batches = encodeBatch([record], {
    producerId: BigInt(producer.id),
    producerEpoch: producer.epoch,
    baseSequence: sequence,
    transactional: true,
  });
  const request = { transactionalId: ID, topic: 'a', partition: 0, batches, enlists: true };
  await finished(stores, produceInTransaction(process.broker, request));
}

const commit = () => {
  return finished(
    stores,
    endTransaction(process.broker, { transactionalId: ID, producer, as: 'commit', raises: false }),
  );
};

describe('a transaction that is sent record by record', () => {
  it('commits more parts than one in parts over HTTP may have, in their order', async () => {
    const records = transactionLimits.transactionPartsMax + 100;
    for (let sequence = 0; sequence < records; sequence++) await produce(sequence);
    await commit();
    expect(await allValuesIn(process, 'a', 0)).toEqual(Array.from({ length: records }, (_, at) => String(at)));
  });

  it('is refused beyond the number of parts, by name of the limit', async () => {
    await produce(0);
    const { metadata } = stores;
    const state = decodeTransactional((await metadata.get(transactionalKey(ID), 'strong')) ?? {});
    const full = { ...state, version: state.version + 1, parts: transactionLimits.producerPartsMax };
    await metadata.write([planTransactional(ID, full)]);
    await expect(produce(1)).rejects.toThrow('producerPartsMax');
  });
});
