import { beforeEach, describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../../lib/broker/keys/authenticate.ts';
import { createKey } from '../../../lib/broker/keys/create-key.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import type { Grant } from '../../../lib/coordination/tenants/principal.ts';
import { ZERO_UUID } from '../../../lib/kafka/codec/reader.ts';
import { type GatewayWorld, gatewayWorld, memoryBroker } from '../support/gateway-world.ts';
import type { KafkaTestClient } from '../support/kafka-test-client.ts';

const TOPIC_DENIED = 29;
const CLUSTER_DENIED = 31;

const [READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE] = [3, 4, 5, 6, 7, 8].map((bit) => 2 ** bit) as [
  number,
  number,
  number,
  number,
  number,
  number,
];
const [DESCRIBE_CONFIGS, ALTER_CONFIGS] = [2 ** 10, 2 ** 11];

let world: GatewayWorld;
let topicIds: Map<string, string>;

beforeEach(async () => {
  const broker = memoryBroker();
  const authenticator = createAuthenticator({ broker, staticKeys: [] });
  world = await gatewayWorld({ broker, authenticator });
  topicIds = new Map();
  for (const name of ['mine.a', 'theirs.a']) topicIds.set(name, (await createTopic(broker, { name })).topicId);
});

/** A client with a key of these grants. */
async function client(...grants: Grant[]): Promise<KafkaTestClient> {
  const { id, secret } = await createKey(world.broker, { grants });
  const connected = await world.connect();
  await connected.request('SaslHandshake', 1, { mechanism: 'PLAIN' });
  const { errorCode } = await connected.request('SaslAuthenticate', 2, {
    authBytes: Buffer.from(`\0${id}\0${secret}`),
  });
  expect(errorCode).toBe(0);
  return connected;
}

const resource = (resourceName: string, resourceType = 2) => ({ resourceType, resourceName });

describe('what a principal may do', () => {
  it.each<[string, Grant[], number]>([
    ['consume', [{ scope: 'consume' }], READ | DESCRIBE | DESCRIBE_CONFIGS],
    ['produce', [{ scope: 'produce', topicPrefix: 'mine.' }], WRITE | DESCRIBE | DESCRIBE_CONFIGS],
    [
      'admin',
      [{ scope: 'admin', topicPrefix: 'mine.' }],
      READ | WRITE | CREATE | DELETE | ALTER | DESCRIBE | DESCRIBE_CONFIGS | ALTER_CONFIGS,
    ],
  ])('with %s is told in the operations of Kafka', async (_scope, grants, operations) => {
    const asking = await client(...grants);
    const answer = await asking.request('Metadata', 10, {
      topics: [{ name: 'mine.a' }],
      includeTopicAuthorizedOperations: true,
      includeClusterAuthorizedOperations: true,
    });
    expect(answer.topics[0]?.topicAuthorizedOperations).toBe(operations);
    expect(answer.clusterAuthorizedOperations).toBe(0);
    const { topics } = await asking.request('DescribeTopicPartitions', 0, { topics: [{ name: 'mine.a' }] });
    expect(topics[0]?.topicAuthorizedOperations).toBe(operations);
  });

  it('of the cluster is for who administers all', async () => {
    const asking = await client({ scope: 'admin' });
    const answer = await asking.request('DescribeCluster', 0, { includeClusterAuthorizedOperations: true });
    expect(answer.clusterAuthorizedOperations).toBe(8_096);
  });
});

describe('who has a scope on some topics alone', () => {
  it('does not see the others, neither in lists nor by name', async () => {
    const asking = await client({ scope: 'consume', topicPrefix: 'mine.' });
    const all = await asking.request('Metadata', 12, { topics: null });
    expect(all.topics.map(({ name }) => name)).toEqual(['mine.a']);
    const described = await asking.request('DescribeTopicPartitions', 0, { topics: [] });
    expect(described.topics.map(({ name }) => name)).toEqual(['mine.a']);
    const named = ['theirs.a', 'theirs.none'];
    const { topics } = await asking.request('Metadata', 12, { topics: named.map((name) => ({ name })) });
    expect(topics.map(({ name, topicId, errorCode }) => [name, topicId, errorCode])).toEqual(
      named.map((name) => [name, ZERO_UUID, TOPIC_DENIED]),
    );
    const byId = await asking.request('Metadata', 12, {
      topics: [{ name: null, topicId: topicIds.get('theirs.a') }],
    });
    expect(byId.topics).toMatchObject([{ name: null, errorCode: TOPIC_DENIED }]);
    const partitions = await asking.request('DescribeTopicPartitions', 0, { topics: [{ name: 'theirs.a' }] });
    expect(partitions.topics).toMatchObject([{ errorCode: TOPIC_DENIED, topicId: ZERO_UUID }]);
  });

  it('neither creates topics nor changes them without admin', async () => {
    const asking = await client({ scope: 'produce' }, { scope: 'consume' });
    const topic = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    const created = await asking.request('CreateTopics', 7, { topics: [{ name: 'new', ...topic }] });
    expect(created.topics).toMatchObject([{ errorCode: TOPIC_DENIED }]);
    const asked = await asking.request('Metadata', 12, { topics: [{ name: 'new' }], allowAutoTopicCreation: true });
    expect(asked.topics).toMatchObject([{ name: 'new', errorCode: TOPIC_DENIED }]);
    const grown = await asking.request('CreatePartitions', 3, {
      topics: [{ name: 'mine.a', count: 2, assignments: null }],
      timeoutMs: 1_000,
      validateOnly: true,
    });
    expect(grown.results).toMatchObject([{ errorCode: TOPIC_DENIED }]);
    const records = await asking.request('DeleteRecords', 2, {
      topics: [{ name: 'mine.a', partitions: [{ partitionIndex: 0, offset: -1n }] }],
      timeoutMs: 1_000,
    });
    expect(records.topics[0]?.partitions).toMatchObject([{ errorCode: TOPIC_DENIED }]);
    const resources = [{ ...resource('mine.a'), configs: [] }];
    const altered = await asking.request('AlterConfigs', 2, { resources, validateOnly: true });
    expect(altered.responses).toMatchObject([{ errorCode: TOPIC_DENIED }]);
    const incremented = await asking.request('IncrementalAlterConfigs', 1, { resources, validateOnly: true });
    expect(incremented.responses).toMatchObject([{ errorCode: TOPIC_DENIED }]);
  });

  it('does all of that with admin on them', async () => {
    const asking = await client({ scope: 'admin', topicPrefix: 'mine.' });
    const topic = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    const created = await asking.request('CreateTopics', 7, {
      topics: [
        { name: 'mine.b', ...topic },
        { name: 'theirs.b', ...topic },
      ],
    });
    expect(created.topics.map(({ errorCode }) => errorCode)).toEqual([0, TOPIC_DENIED]);
    const deleted = await asking.request('DeleteTopics', 6, {
      topics: [
        { name: 'mine.b', topicId: ZERO_UUID },
        { name: 'theirs.a', topicId: ZERO_UUID },
        { name: null, topicId: topicIds.get('theirs.a') as string },
      ],
      timeoutMs: 1_000,
    });
    expect(deleted.responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['mine.b', 0],
      ['theirs.a', TOPIC_DENIED],
      [null, TOPIC_DENIED],
    ]);
  });

  it('is told the configs of topics that it sees, and nothing of the brokers', async () => {
    const asking = await client({ scope: 'consume', topicPrefix: 'mine.' });
    const configurationKeys = ['retention.ms'];
    const { results } = await asking.request('DescribeConfigs', 4, {
      resources: [
        { ...resource('mine.a'), configurationKeys },
        { ...resource('theirs.a'), configurationKeys },
        { ...resource('1', 4), configurationKeys },
      ],
    });
    expect(results.map(({ errorCode }) => errorCode)).toEqual([0, TOPIC_DENIED, CLUSTER_DENIED]);
    const { responses } = await asking.request('IncrementalAlterConfigs', 1, {
      resources: [{ ...resource('1', 4), configs: [] }],
      validateOnly: false,
    });
    expect(responses).toMatchObject([{ errorCode: CLUSTER_DENIED }]);
  });

  it('is refused the ACLs before it hears that there are none', async () => {
    const asking = await client({ scope: 'admin', topicPrefix: 'mine.' });
    const filter = {
      resourceNameFilter: null,
      principalFilter: null,
      hostFilter: null,
      operation: 1,
      permissionType: 1,
    };
    expect(await asking.request('DescribeAcls', 3, { resourceTypeFilter: 1, ...filter })).toMatchObject({
      errorCode: CLUSTER_DENIED,
    });
  });
});
