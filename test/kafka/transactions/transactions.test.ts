import { expect, it } from 'vitest';
import { listCommittedOffsets } from '../../../lib/broker/groups/list-committed-offsets.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { describeTransaction } from '../../../lib/broker/transactions/describe-transaction.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { errorRow } from '../../../lib/kernel/errors.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { valuesIn } from '../../support/transactions.ts';
import { gatewayWorld, memoryBroker } from '../support/gateway-world.ts';
import { join, sync } from '../support/group-requests.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';

const { kafkaCode: FENCED } = errorRow('PRODUCER_FENCED');
const { kafkaCode: OLD_EPOCH } = errorRow('INVALID_PRODUCER_EPOCH');
const { kafkaCode: INVALID_TXN_STATE } = errorRow('INVALID_TXN_STATE');
const { kafkaCode: OUT_OF_ORDER } = errorRow('OUT_OF_ORDER_SEQUENCE_NUMBER');
const OPERATION_NOT_ATTEMPTED = 55;
const TRANSACTION_ABORTABLE = 120;
const OK = 0;

async function world(clock = systemClock) {
  const made = await gatewayWorld({ broker: memoryBroker(clock), initialRebalanceDelayMs: 0 });
  await createTopic(made.broker, { name: 't', partitions: 2 });
  const producer = async (id = 'x') => new TransactionalProducer(await made.connect(), id);
  const values = (partition: number) => valuesIn(made, 't', partition);
  return { ...made, producer, values };
}

it('shows the records of all partitions when they are committed, and none before', async () => {
  const { producer, values } = await world();
  const one = await producer();
  expect(await one.init()).toBe(OK);
  expect(await one.addPartitions({ t: [0, 1] })).toEqual([OK, OK]);
  expect(await one.produce('t', 0, ['a', 'b'])).toBe(OK);
  expect(await one.produce('t', 0, ['c'])).toBe(OK);
  expect(await one.produce('t', 1, ['d'])).toBe(OK);
  expect([await values(0), await values(1)]).toEqual([[], []]);
  expect([await one.end(true), await one.end(true), await one.end(false)]).toEqual([OK, OK, INVALID_TXN_STATE]);
  expect([await values(0), await values(1)]).toEqual([['a', 'b', 'c'], ['d']]);
});

it('never shows what was aborted, and goes on with the sequences', async () => {
  const { producer, values } = await world();
  const one = await producer();
  await one.init();
  await one.addPartitions({ t: [0] });
  await one.produce('t', 0, ['a']);
  expect([await one.end(false), await one.end(false), await one.end(true)]).toEqual([OK, OK, INVALID_TXN_STATE]);
  await one.addPartitions({ t: [0] });
  expect(await one.produce('t', 0, ['b'])).toBe(OK);
  expect(await one.end(true)).toBe(OK);
  expect(await values(0)).toEqual(['b']);
});

it('stores what comes twice once, in the same transaction and late in the next one', async () => {
  const { producer, values } = await world();
  const one = await producer();
  await one.init();
  await one.addPartitions({ t: [0] });
  await one.produce('t', 0, ['a'], 0);
  expect(await one.produce('t', 0, ['a'], 0)).toBe(OK);
  expect(await one.produce('t', 0, ['c'], 2)).toBe(OUT_OF_ORDER);
  await one.end(true);
  await one.addPartitions({ t: [0] });
  expect(await one.produce('t', 0, ['a'], 0)).toBe(OK);
  expect(await one.produce('t', 0, ['b'], 1)).toBe(OK);
  await one.end(true);
  expect(await values(0)).toEqual(['a', 'b']);
});

it('takes requests that are in flight together in their order', async () => {
  const { producer, values, connect } = await world();
  const one = await producer();
  await one.init();
  await one.addPartitions({ t: [0, 1] });
  const client = await connect();
  const sequences = Array.from({ length: 20 }, (_, sequence) => sequence);
  const answers = await Promise.all(
    sequences.map((sequence) => client.request('Produce', 9, one.produceRequest('t', 0, [`${sequence}`], sequence))),
  );
  expect(answers.map(({ responses }) => responses[0]?.partitionResponses[0]?.errorCode)).toEqual(
    sequences.map(() => OK),
  );
  await one.end(true);
  expect(await values(0)).toEqual(sequences.map(String));
});

it('refuses records of a partition that is not in a transaction', async () => {
  const { producer, values } = await world();
  const one = await producer();
  await one.init();
  expect(await one.produce('t', 0, ['a'])).toBe(INVALID_TXN_STATE);
  await one.addPartitions({ t: [1] });
  expect(await one.produce('t', 0, ['a'], 0)).toBe(INVALID_TXN_STATE);
  expect(await one.addPartitions({ t: [0, 7], nowhere: [0] })).toEqual([OPERATION_NOT_ATTEMPTED, 3, 3]);
  expect(await one.end(true)).toBe(OK);
  expect(await values(0)).toEqual([]);
});

it('takes a partition that is named very often once', async () => {
  const { producer, broker } = await world();
  const one = await producer();
  await one.init();
  const often = Array.from({ length: 40_000 }, (_, at) => at % 2);
  expect(new Set(await one.addPartitions({ t: often }))).toEqual(new Set([OK]));
  const { enlisted } = await describeTransaction(broker, 'x');
  expect(enlisted?.map(({ partition }) => partition)).toEqual([0, 1]);
});

it('fences a producer by the next one of its id, whose open transaction is over', async () => {
  const { producer, values } = await world();
  const [one, two] = [await producer(), await producer()];
  await one.init();
  await one.addPartitions({ t: [0] });
  await one.produce('t', 0, ['a']);
  expect(await two.init()).toBe(OK);
  expect([two.producerId, two.producerEpoch]).toEqual([one.producerId, one.producerEpoch + 1]);
  expect(await one.produce('t', 0, ['b'])).toBe(OLD_EPOCH);
  expect([await one.end(true), await one.end(true, 1)]).toEqual([FENCED, OLD_EPOCH]);
  expect([await one.addPartitions({ t: [0] }), await one.addPartitions({ t: [0] }, 1)]).toEqual([
    [FENCED],
    [OLD_EPOCH],
  ]);
  expect([await one.init({ goesOn: true }), await one.init({ goesOn: true, version: 3 })]).toEqual([FENCED, OLD_EPOCH]);
  await two.addPartitions({ t: [0] });
  await two.produce('t', 0, ['c']);
  await two.end(true);
  expect(await values(0)).toEqual(['c']);
});

it('gives a producer that goes on after an error its next epoch, and begins its sequences anew', async () => {
  const { producer, values } = await world();
  const one = await producer();
  await one.init();
  await one.addPartitions({ t: [0] });
  await one.produce('t', 0, ['a']);
  expect(await one.init({ goesOn: true })).toBe(OK);
  expect(one.producerEpoch).toBe(1);
  await one.addPartitions({ t: [0] });
  expect(await one.produce('t', 0, ['b'])).toBe(OK);
  await one.end(true);
  expect(await values(0)).toEqual(['b']);
});

it('refuses a transaction timeout beyond the largest', async () => {
  const { producer } = await world();
  const one = await producer();
  expect(await one.init({ timeoutMs: 24 * 3_600_000 })).toBe(errorRow('INVALID_TRANSACTION_TIMEOUT').kafkaCode);
});

it('fences a producer whose transaction takes too long', async () => {
  const clock = new ManualClock();
  const { producer, values } = await world(clock);
  const one = await producer();
  await one.init({ timeoutMs: 1_000 });
  await one.addPartitions({ t: [0] });
  await one.produce('t', 0, ['a']);
  await clock.advance(1_000);
  expect(await one.end(true)).toBe(FENCED);
  expect(await one.addPartitions({ t: [1] })).toEqual([FENCED]);
  expect(await values(0)).toEqual([]);
});

it('commits offsets of a group with the records, or neither', async () => {
  const { broker, producer, values } = await world();
  const one = await producer();
  await one.init();
  const offsets = [{ topic: 't', partition: 1, offset: 5 }];
  expect(await one.commitOffsets('g', offsets)).toEqual([INVALID_TXN_STATE]);
  expect(await one.addOffsets('g')).toBe(OK);
  expect(await one.commitOffsets('g', [...offsets, { topic: 'nowhere', partition: 0, offset: 1 }])).toEqual([OK, 3]);
  await one.addPartitions({ t: [0] });
  await one.produce('t', 0, ['a']);
  const committed = async () => {
    const { offsets: found } = await listCommittedOffsets(broker, { group: 'g', limit: 10 });
    return found.map(({ offset }) => offset);
  };
  expect(await committed()).toEqual([]);
  await one.end(true);
  expect([await committed(), await values(0)]).toEqual([[5], ['a']]);
  await one.addOffsets('g');
  await one.commitOffsets('g', [{ topic: 't', partition: 1, offset: 9 }]);
  await one.end(false);
  expect(await committed()).toEqual([5]);
});

it('refuses offsets of a member that the group does not have', async () => {
  const { producer } = await world();
  const one = await producer();
  await one.init();
  await one.addOffsets('g');
  const member = { memberId: 'gone', generationId: 3 };
  const code = errorRow('UNKNOWN_MEMBER_ID').kafkaCode;
  expect(await one.commitOffsets('g', [{ topic: 't', partition: 0, offset: 5 }], member)).toEqual([code]);
});

it('refuses a commit of offsets whose member has left since, and goes on after the abort', async () => {
  const { producer, values, connect } = await world();
  const client = await connect();
  const joined = await join(client, { group: 'g' });
  await sync(client, 'g', joined);
  const { memberId, generationId } = joined;
  const one = await producer();
  await one.init();
  await one.addPartitions({ t: [0] });
  await one.produce('t', 0, ['a']);
  await one.addOffsets('g');
  const offsets = [{ topic: 't', partition: 1, offset: 5 }];
  const old = { memberId, generationId: generationId + 1 };
  expect(await one.commitOffsets('g', offsets, old)).toEqual([errorRow('ILLEGAL_GENERATION').kafkaCode]);
  expect(await one.commitOffsets('g', offsets, { memberId, generationId })).toEqual([OK]);
  await client.request('LeaveGroup', 3, { groupId: 'g', members: [{ memberId }] });
  // What older clients abort after, and what newer ones do.
  expect(await one.end(true, 3)).toBe(errorRow('INVALID_PRODUCER_ID_MAPPING').kafkaCode);
  expect(await one.end(true, 4)).toBe(TRANSACTION_ABORTABLE);
  expect(await one.end(false)).toBe(OK);
  await one.addPartitions({ t: [0] });
  await one.produce('t', 0, ['b']);
  expect([await one.end(true), await values(0)]).toEqual([OK, ['b']]);
});

it('takes offsets of a member of a consumer group for its own partitions only, under its epoch', async () => {
  const { broker, producer, connect } = await world();
  await createTopic(broker, { name: 'other', partitions: 1 });
  const client = await connect();
  const { memberEpoch } = await client.request('ConsumerGroupHeartbeat', 1, {
    groupId: 'g',
    memberId: 'm',
    memberEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: ['t'],
    topicPartitions: [],
  });
  const one = await producer();
  await one.init();
  await one.addOffsets('g');
  const commit = (topic: string, generationId: number) =>
    one.commitOffsets('g', [{ topic, partition: 0, offset: 5 }], { memberId: 'm', generationId });
  const illegal = errorRow('ILLEGAL_GENERATION').kafkaCode;
  expect(await commit('t', memberEpoch)).toEqual([OK]);
  expect(await commit('t', memberEpoch + 1)).toEqual([illegal]);
  expect(await commit('other', memberEpoch)).toEqual([illegal]);
  expect(await one.end(true)).toBe(OK);
});

it('takes nothing transactional without a transactional id', async () => {
  const { producer, connect } = await world();
  const one = await producer();
  await one.init();
  await one.addPartitions({ t: [0] });
  const request = { ...one.produceRequest('t', 0, ['a'], 0), transactionalId: null };
  const answer = await (await connect()).request('Produce', 9, request);
  expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(53);
});

it('gives an idempotent producer an id of its own each time, and takes its records once', async () => {
  const { connect, values } = await world();
  const client = await connect();
  const init = () => client.request('InitProducerId', 4, { transactionalId: null, transactionTimeoutMs: 0 });
  const [one, two] = [await init(), await init()];
  expect([one.errorCode, one.producerEpoch, one.producerId === two.producerId]).toEqual([OK, 0, false]);
  const half = { transactionalId: null, transactionTimeoutMs: 0, producerId: one.producerId };
  expect((await client.request('InitProducerId', 4, half)).errorCode).toBe(errorRow('INVALID_REQUEST').kafkaCode);
  const send = async (value: string, baseSequence: number, producerEpoch = 0) => {
    const record = { timestamp: Date.now(), key: null, value: utf8(value), headers: [] };
    const records = encodeBatch([record], { producerId: one.producerId, producerEpoch, baseSequence });
    const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }];
    const answer = await client.request('Produce', 9, { transactionalId: null, acks: -1, timeoutMs: 5_000, topicData });
    const { errorCode, baseOffset } = answer.responses[0]?.partitionResponses[0] ?? {};
    return [errorCode, baseOffset];
  };
  expect([await send('a', 0), await send('b', 1), await send('a', 0)]).toEqual([
    [OK, 0n],
    [OK, 1n],
    [OK, 0n],
  ]);
  expect(await send('d', 3)).toEqual([OUT_OF_ORDER, -1n]);
  // As Java's producers raise their epochs by themselves (KIP-360).
  expect([await send('c', 0, 1), await send('x', 2, 0)]).toEqual([
    [OK, 2n],
    [OLD_EPOCH, -1n],
  ]);
  expect(await values(0)).toEqual(['a', 'b', 'c']);
});

it('lists transactions once, each by its coordinator', async () => {
  const { cluster, connect } = await gatewayWorld({ brokers: 3 });
  const ids = Array.from({ length: 12 }, (_, index) => `x-${index}`);
  const clients = await Promise.all(cluster.nodes.map(({ port }) => connect(port)));
  for (const transactionalId of ids) {
    await clients[0]?.request('InitProducerId', 2, { transactionalId, transactionTimeoutMs: 5_000 });
  }
  const listed: string[] = [];
  for (const [index, client] of clients.entries()) {
    const answer = await client.request('ListTransactions', 0, { stateFilters: [], producerIdFilters: [] });
    const own = answer.transactionStates.map((is) => is.transactionalId);
    expect(new Set(own.map((id) => cluster.coordinatorOf(id)))).toEqual(new Set([cluster.nodes[index]]));
    listed.push(...own);
  }
  expect(listed.sort()).toEqual(ids.sort());
});

it('describes and lists transactions as they are', async () => {
  const { producer, connect } = await world();
  const [one, two] = [await producer('x-1'), await producer('y')];
  await one.init({ timeoutMs: 5_000 });
  await two.init();
  await one.addPartitions({ t: [1] });
  const client = await connect();
  const { transactionStates } = await client.request('DescribeTransactions', 0, {
    transactionalIds: ['x-1', 'y', 'nobody'],
  });
  expect(transactionStates).toMatchObject([
    { errorCode: OK, transactionState: 'Ongoing', transactionTimeoutMs: 5_000, producerId: one.producerId },
    { errorCode: OK, transactionState: 'Empty', transactionStartTimeMs: -1n, producerEpoch: 0, topics: [] },
    { errorCode: errorRow('TRANSACTIONAL_ID_NOT_FOUND').kafkaCode },
  ]);
  expect(transactionStates[0]?.topics).toEqual([{ topic: 't', partitions: [1] }]);
  const list = async (filters: object = {}) => {
    const asked = { stateFilters: [], producerIdFilters: [], ...filters };
    const answer = await client.request('ListTransactions', 2, asked);
    return [
      answer.errorCode,
      ...answer.unknownStateFilters,
      ...answer.transactionStates.map((is) => is.transactionalId),
    ];
  };
  expect(await list()).toEqual([OK, 'x-1', 'y']);
  expect(await list({ stateFilters: ['Empty', 'Odd'] })).toEqual([OK, 'Odd', 'y']);
  expect(await list({ producerIdFilters: [one.producerId] })).toEqual([OK, 'x-1']);
  expect(await list({ transactionalIdPattern: 'x-[0-9]' })).toEqual([OK, 'x-1']);
  expect(await list({ transactionalIdPattern: '(' })).toEqual([errorRow('INVALID_REGULAR_EXPRESSION').kafkaCode]);
  expect(await list({ durationFilter: 60_000n })).toEqual([OK, 'y']);
});
