/**
 * What clients are told while storage is away, by each API: what makes them ask again, and never that there is nothing.
 */
import { expect, it } from 'vitest';
import { createAuthenticator } from '../../lib/broker/keys/authenticate.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { keyLimits } from '../../lib/kernel/limits/keys.ts';
import { batchOf } from '../support/broker.ts';
import { failingBroker } from './support/failing-broker.ts';
import { gatewayWorld, memoryBroker } from './support/gateway-world.ts';
import type { KafkaTestClient } from './support/kafka-test-client.ts';

const COORDINATOR_LOAD_IN_PROGRESS = 14;
const NOT_COORDINATOR = 16;
const COORDINATOR_NOT_AVAILABLE = 15;
const NOT_ENOUGH_REPLICAS = 19;
const KAFKA_STORAGE_ERROR = 56;

type Ask = (client: KafkaTestClient) => Promise<number | undefined>;

const producer = { transactionalId: 'x', producerId: 1n, producerEpoch: 0 };
const offset = { partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: '' };

const txnOffsetCommit =
  (version: number): Ask =>
  async (client) => {
    const body = { ...producer, groupId: 'g', topics: [{ name: 't', partitions: [offset] }] };
    return (await client.request('TxnOffsetCommit', version, body)).topics[0]?.partitions[0]?.errorCode;
  };

const asks: [string, Ask, number][] = [
  [
    'AddPartitionsToTxn',
    async (client) => {
      const answer = await client.request('AddPartitionsToTxn', 3, {
        v3AndBelowTransactionalId: 'x',
        v3AndBelowProducerId: 1n,
        v3AndBelowProducerEpoch: 0,
        v3AndBelowTopics: [{ name: 't', partitions: [0] }],
      });
      return answer.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode;
    },
    COORDINATOR_LOAD_IN_PROGRESS,
  ],
  [
    'AddOffsetsToTxn',
    async (client) => (await client.request('AddOffsetsToTxn', 3, { ...producer, groupId: 'g' })).errorCode,
    COORDINATOR_LOAD_IN_PROGRESS,
  ],
  ['TxnOffsetCommit', txnOffsetCommit(3), COORDINATOR_LOAD_IN_PROGRESS],
  ['TxnOffsetCommit of old clients', txnOffsetCommit(1), COORDINATOR_NOT_AVAILABLE],
  [
    'EndTxn',
    async (client) => (await client.request('EndTxn', 3, { ...producer, committed: true })).errorCode,
    COORDINATOR_LOAD_IN_PROGRESS,
  ],
  [
    'InitProducerId',
    async (client) =>
      (await client.request('InitProducerId', 4, { ...producer, transactionTimeoutMs: 10_000 })).errorCode,
    COORDINATOR_LOAD_IN_PROGRESS,
  ],
  [
    'FindCoordinator',
    async (client) =>
      (await client.request('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['g'] })).coordinators[0]?.errorCode,
    COORDINATOR_NOT_AVAILABLE,
  ],
  [
    'Produce',
    async (client) => {
      const partitionData = [{ index: 0, records: batchOf('a') }];
      const body = { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData: [{ name: 't', partitionData }] };
      return (await client.request('Produce', 9, body)).responses[0]?.partitionResponses[0]?.errorCode;
    },
    NOT_ENOUGH_REPLICAS,
  ],
  [
    'Fetch',
    async (client) => {
      const topics = [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000 }] }];
      const answer = await client.request('Fetch', 12, { maxWaitMs: 0, minBytes: 1, topics });
      return answer.responses[0]?.partitions[0]?.errorCode;
    },
    KAFKA_STORAGE_ERROR,
  ],
  [
    'ListOffsets',
    async (client) => {
      const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1n }] }];
      const answer = await client.request('ListOffsets', 7, { replicaId: -1, isolationLevel: 0, topics });
      return answer.topics[0]?.partitions[0]?.errorCode;
    },
    KAFKA_STORAGE_ERROR,
  ],
  [
    'Metadata',
    async (client) => (await client.request('Metadata', 9, { topics: [{ name: 't' }] })).topics[0]?.errorCode,
    KAFKA_STORAGE_ERROR,
  ],
  [
    'OffsetFetch',
    async (client) => {
      const topics = [{ name: 't', partitionIndexes: [0] }];
      return (await client.request('OffsetFetch', 8, { groups: [{ groupId: 'g', topics }] })).groups[0]?.errorCode;
    },
    NOT_COORDINATOR,
  ],
  [
    'DeleteGroups',
    async (client) => (await client.request('DeleteGroups', 2, { groupsNames: ['g'] })).results[0]?.errorCode,
    NOT_COORDINATOR,
  ],
  [
    'DescribeGroups',
    async (client) => (await client.request('DescribeGroups', 5, { groups: ['g'] })).groups[0]?.errorCode,
    NOT_COORDINATOR,
  ],
  [
    'ConsumerGroupDescribe',
    async (client) => {
      const body = { groupIds: ['g'], includeAuthorizedOperations: false };
      return (await client.request('ConsumerGroupDescribe', 1, body)).groups[0]?.errorCode;
    },
    NOT_COORDINATOR,
  ],
];

/** A client that has said who it is, and cannot be looked up any more. */
async function forgotten(): Promise<KafkaTestClient> {
  const state = { nowMs: 0, isBusy: false };
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + state.nowMs };
  const broker = memoryBroker(clock);
  const known = createAuthenticator({ broker, staticKeys: [{ id: 'admin', secret: 'admin-secret' }] });
  const authenticator = {
    ...known,
    principalOf: (id: string) =>
      state.isBusy
        ? Promise.reject(new MillraceError('THROTTLING_QUOTA_EXCEEDED', 'Storage is busy.'))
        : known.principalOf(id),
  };
  const { connect } = await gatewayWorld({ clock, broker, authenticator });
  const client = await connect();
  await client.request('SaslHandshake', 1, { mechanism: 'PLAIN' });
  await client.request('SaslAuthenticate', 2, { authBytes: Buffer.from('\0admin\0admin-secret') });
  Object.assign(state, { nowMs: keyLimits.principalCacheMs + 1, isBusy: true });
  return client;
}

it.each(asks)('%s is answered so that its clients try again while nobody can be looked up', async (_api, ask, code) => {
  expect(await ask(await forgotten())).toBe(code);
});

it('gives no answer to who expects none: the connection of records with acks=0 is closed', async () => {
  const client = await forgotten();
  let bytes = 0;
  client.socket.on('data', ({ length }) => {
    bytes += length;
  });
  const partitionData = [{ index: 0, records: batchOf('a') }];
  const body = { transactionalId: null, acks: 0, timeoutMs: 1_000, topicData: [{ name: 't', partitionData }] };
  client.send('Produce', 9, body);
  await client.closed;
  expect(bytes).toBe(0);
});

it.each(asks.slice(0, 4).filter(([api]) => api !== 'AddOffsetsToTxn'))(
  '%s is answered so that its clients try again while topics cannot be read',
  async (_api, ask, code) => {
    const { broker, fail } = failingBroker();
    const { connect } = await gatewayWorld({ broker });
    fail();
    expect(await ask(await connect())).toBe(code);
  },
);

const questions: [string, (client: KafkaTestClient) => Promise<unknown>][] = [
  ['Metadata', (client) => client.request('Metadata', 9, { topics: null })],
  [
    'DescribeTopicPartitions',
    (client) => client.request('DescribeTopicPartitions', 0, { topics: [], responsePartitionLimit: 10, cursor: null }),
  ],
];

it.each(questions)('%s of all topics is not answered with none while they cannot be read', async (_api, ask) => {
  const { broker, fail } = failingBroker();
  await createTopic(broker, { name: 't', partitions: 1 });
  const { connect, logged, gateway } = await gatewayWorld({ broker });
  fail();
  await expect(ask(await connect())).rejects.toThrow('the connection was closed');
  expect(logged.map(({ level }) => level)).toEqual(['info']);
  expect(gateway.takeReport()).toMatchObject({ requests: 1, failed: 1 });
});
