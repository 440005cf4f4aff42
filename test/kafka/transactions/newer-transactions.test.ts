/** Transactions of clients of KIP-890's second part, and of older ones beside them. */
import { expect, it } from 'vitest';
import { fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { listCommittedOffsets } from '../../../lib/broker/groups/list-committed-offsets.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { PRODUCER_EPOCH_MAX } from '../../../lib/coordination/producers/producer-id-item.ts';
import {
  decodeTransactional,
  planTransactional,
  transactionalKey,
} from '../../../lib/coordination/transactions/transactional-item.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { errorRow } from '../../../lib/kernel/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { gatewayWorld, memoryBroker } from '../support/gateway-world.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';

const { kafkaCode: FENCED } = errorRow('PRODUCER_FENCED');
const { kafkaCode: OLD_EPOCH } = errorRow('INVALID_PRODUCER_EPOCH');
const { kafkaCode: INVALID_TXN_STATE } = errorRow('INVALID_TXN_STATE');
const { kafkaCode: OUT_OF_ORDER } = errorRow('OUT_OF_ORDER_SEQUENCE_NUMBER');
const TRANSACTION_ABORTABLE = 120;
const OK = 0;

async function world(clock = systemClock) {
  const made = await gatewayWorld({ broker: memoryBroker(clock) });
  await createTopic(made.broker, { name: 't', partitions: 2 });
  const producer = async ({ isNewer = true } = {}) => {
    return new TransactionalProducer(await made.connect(), 'x', { isNewer });
  };
  const values = async (partition: number) => {
    const { records } = await fetchRecords(made.broker, {
      topic: 't',
      partition,
      position: { at: 'earliest' },
      maxBytes: 1_000_000,
      maxRecords: 1_000,
      minBytes: 0,
      waitMs: 0,
    });
    return records.map(({ value }) => Buffer.from(value ?? []).toString());
  };
  const committed = async () => {
    const { offsets } = await listCommittedOffsets(made.broker, { group: 'g', limit: 10 });
    return offsets.map(({ offset }) => offset);
  };
  return { ...made, producer, values, committed };
}

it('says that it has them, to those who can read it', async () => {
  const { connect } = await world();
  const client = await connect();
  const features = async (version: number) => {
    const { supportedFeatures, finalizedFeatures, finalizedFeaturesEpoch } = await client.request(
      'ApiVersions',
      version,
      { clientSoftwareName: 'test', clientSoftwareVersion: '1' },
    );
    return { supportedFeatures, finalizedFeatures, finalizedFeaturesEpoch };
  };
  const finalizedFeatures = [
    { name: 'share.version', maxVersionLevel: 1, minVersionLevel: 1 },
    { name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 },
  ];
  expect(await features(4)).toEqual({
    supportedFeatures: [
      { name: 'share.version', minVersion: 0, maxVersion: 1 },
      { name: 'transaction.version', minVersion: 0, maxVersion: 2 },
    ],
    finalizedFeatures,
    finalizedFeaturesEpoch: 0n,
  });
  // KAFKA-17492
  expect(await features(3)).toEqual({ supportedFeatures: [], finalizedFeatures, finalizedFeaturesEpoch: 0n });
  expect(await features(2)).toEqual({ supportedFeatures: [], finalizedFeatures: [], finalizedFeaturesEpoch: -1n });
});

it('begins a transaction with the first records or offsets, and raises the epoch with every end', async () => {
  const { producer, values, committed } = await world();
  const one = await producer();
  expect(await one.init()).toBe(OK);
  expect([await one.produce('t', 0, ['a']), await one.produce('t', 1, ['b'])]).toEqual([OK, OK]);
  expect(await one.commitOffsets('g', [{ topic: 't', partition: 0, offset: 5 }])).toEqual([OK]);
  expect([await values(0), await committed()]).toEqual([[], []]);
  const { producerId } = one;
  expect([await one.end(true), one.producerId, one.producerEpoch]).toEqual([OK, producerId, 1]);
  expect([await values(0), await values(1), await committed()]).toEqual([['a'], ['b'], [5]]);
  expect(await one.commitOffsets('g', [{ topic: 't', partition: 0, offset: 6 }])).toEqual([OK]);
  expect([await one.end(true), one.producerEpoch, await committed()]).toEqual([OK, 2, [6]]);
  expect(await one.produce('t', 0, ['c'])).toBe(OK);
  expect([await one.end(false), one.producerEpoch, await values(0)]).toEqual([OK, 3, ['a']]);
});

it('answers an end that is asked for again as the first time, also where the answer was another producer id', async () => {
  const { broker, producer, values } = await world();
  const one = await producer();
  await one.init();
  const state = decodeTransactional((await broker.metadata.get(transactionalKey('x'), 'strong')) ?? {});
  const aged = { ...state, version: state.version + 1, epoch: state.epoch + PRODUCER_EPOCH_MAX - 2 };
  await broker.metadata.write([planTransactional('x', aged)]);
  one.producerEpoch = PRODUCER_EPOCH_MAX - 2;
  for (const [value, epoch] of [
    ['a', PRODUCER_EPOCH_MAX - 1],
    ['b', 0],
  ] as const) {
    const before = { producerId: one.producerId, producerEpoch: one.producerEpoch };
    expect(await one.produce('t', 0, [value])).toBe(OK);
    expect([await one.end(true), one.producerEpoch]).toEqual([OK, epoch]);
    expect(one.producerId !== before.producerId).toBe(epoch === 0);
    const { producerId } = one;
    expect(await one.end(false, 5, before)).toBe(INVALID_TXN_STATE);
    expect([await one.end(true, 5, before), one.producerId, one.producerEpoch]).toEqual([OK, producerId, epoch]);
  }
  expect(await one.produce('t', 0, ['c'])).toBe(OK);
  expect([await one.end(true), await values(0)]).toEqual([OK, ['a', 'b', 'c']]);
});

it('takes nothing of a transaction that has ended for one of the next', async () => {
  const { producer, values, committed, connect } = await world();
  const one = await producer();
  await one.init();
  await one.produce('t', 0, ['a']);
  const late = one.produceRequest('t', 0, ['late'], 1);
  const zombie = new TransactionalProducer(await connect(), 'x', { isNewer: true });
  Object.assign(zombie, { producerId: one.producerId, producerEpoch: one.producerEpoch });
  await one.end(false);
  const answer = await (await connect()).request('Produce', 12, late);
  expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(OLD_EPOCH);
  expect(await zombie.commitOffsets('g', [{ topic: 't', partition: 0, offset: 5 }])).toEqual([FENCED]);
  expect(await one.produce('t', 0, ['b'], 1)).toBe(OUT_OF_ORDER);
  expect([await one.produce('t', 0, ['b'], 0), await one.end(true)]).toEqual([OK, OK]);
  expect([await values(0), await committed()]).toEqual([['b'], []]);
});

it('aborts what nothing has come of, and commits nothing', async () => {
  const { producer } = await world();
  const one = await producer();
  await one.init();
  expect(await one.end(true)).toBe(INVALID_TXN_STATE);
  expect([await one.end(false), one.producerEpoch, await one.end(false), one.producerEpoch]).toEqual([OK, 1, OK, 2]);
});

it('lets a producer abort what took too long, and go on', async () => {
  const clock = new ManualClock(Date.now());
  const { producer, values } = await world(clock);
  const one = await producer();
  await one.init({ timeoutMs: 1_000 });
  await one.produce('t', 0, ['a']);
  await clock.advance(1_000);
  expect(await one.produce('t', 0, ['b'])).toBe(OLD_EPOCH);
  expect(await one.end(true)).toBe(INVALID_TXN_STATE);
  expect([await one.end(false), one.producerEpoch]).toEqual([OK, 1]);
  expect([await one.produce('t', 0, ['c']), await one.end(true), await values(0)]).toEqual([OK, OK, ['c']]);
});

it('gives a producer that initializes again what its end has given it', async () => {
  const { producer, values } = await world();
  const one = await producer();
  await one.init();
  const before = { producerId: one.producerId, producerEpoch: one.producerEpoch };
  await one.produce('t', 0, ['a']);
  await one.end(true);
  Object.assign(one, before);
  expect([await one.init({ goesOn: true }), one.producerEpoch]).toEqual([OK, 1]);
  expect([await one.init({ goesOn: true }), one.producerEpoch]).toEqual([OK, 2]);
  expect([await one.produce('t', 0, ['b']), await one.end(true), await values(0)]).toEqual([OK, OK, ['a', 'b']]);
});

it('serves an id to older and newer clients in turn', async () => {
  const { producer, values } = await world();
  const older = await producer({ isNewer: false });
  await older.init();
  await older.addPartitions({ t: [0] });
  expect([await older.produce('t', 0, ['a']), await older.end(true), older.producerEpoch]).toEqual([OK, OK, 0]);
  const newer = await producer();
  await newer.init();
  expect([await newer.produce('t', 0, ['b']), await newer.end(true), newer.producerEpoch]).toEqual([OK, OK, 2]);
  // As a newer client goes on that meets an older server.
  Object.assign(older, { producerId: newer.producerId, producerEpoch: newer.producerEpoch });
  expect(await older.produce('t', 0, ['c'], 0)).toBe(INVALID_TXN_STATE);
  await older.addPartitions({ t: [0] });
  expect([await older.produce('t', 0, ['c'], 0), await older.end(true), older.producerEpoch]).toEqual([OK, OK, 2]);
  expect([await newer.produce('t', 0, ['d'], 1), await newer.end(true), newer.producerEpoch]).toEqual([OK, OK, 3]);
  await older.init();
  expect([older.producerEpoch, await newer.produce('t', 0, ['x'], 0), await newer.end(true)]).toEqual([
    4,
    OLD_EPOCH,
    FENCED,
  ]);
  expect(await values(0)).toEqual(['a', 'b', 'c', 'd']);
});

it('tells those who know it that what they sent is not in a transaction', async () => {
  const { producer, connect } = await world();
  const older = await producer({ isNewer: false });
  await older.init();
  const client = await connect();
  const answer = await client.request('Produce', 11, older.produceRequest('t', 0, ['a'], 0));
  expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(TRANSACTION_ABORTABLE);
  const { transactionalId, producerId, producerEpoch } = older;
  const offsets = await client.request('TxnOffsetCommit', 4, {
    transactionalId,
    groupId: 'g',
    producerId,
    producerEpoch,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: null }] }],
  });
  expect(offsets.topics[0]?.partitions[0]?.errorCode).toBe(TRANSACTION_ABORTABLE);
});

it('describes a transaction that has ended, with the epoch that comes next', async () => {
  const { producer, connect } = await world();
  const one = await producer();
  await one.init();
  await one.produce('t', 0, ['a']);
  await one.end(true);
  const { transactionStates } = await (await connect()).request('DescribeTransactions', 0, { transactionalIds: ['x'] });
  expect(transactionStates).toMatchObject([{ transactionState: 'CompleteCommit', producerEpoch: 1, topics: [] }]);
  expect(Number(transactionStates[0]?.transactionStartTimeMs)).toBeGreaterThan(0);
});
