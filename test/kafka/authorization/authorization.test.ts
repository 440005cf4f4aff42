/**
 * What keys may do over Kafka's protocol: each API for a key that has what it needs on names beginning with `a.`, asked
 * about such a name and about another; and for a key that has another scope on all names.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Broker } from '../../../lib/broker/broker.ts';
import { createAuthenticator } from '../../../lib/broker/keys/authenticate.ts';
import { createKey } from '../../../lib/broker/keys/create-key.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import type { Grant, Scope } from '../../../lib/coordination/tenants/principal.ts';
import { batchOf } from '../../support/broker.ts';
import { type GatewayWorld, gatewayWorld, memoryBroker } from '../support/gateway-world.ts';
import type { KafkaTestClient, RequestBody } from '../support/kafka-test-client.ts';

const TOPIC_AUTHORIZATION_FAILED = 29;
const GROUP_AUTHORIZATION_FAILED = 30;
const CLUSTER_AUTHORIZATION_FAILED = 31;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53;
const DENIALS = [
  TOPIC_AUTHORIZATION_FAILED,
  GROUP_AUTHORIZATION_FAILED,
  CLUSTER_AUTHORIZATION_FAILED,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
];

let broker: Broker;
let world: GatewayWorld;

beforeEach(async () => {
  broker = memoryBroker();
  world = await gatewayWorld({ broker, authenticator: createAuthenticator({ broker }) });
  for (const name of ['a.topic', 'b.topic']) await createTopic(broker, { name, partitions: 1 });
});

async function clientWith(...grants: Grant[]): Promise<KafkaTestClient> {
  const { id, secret } = await createKey(broker, { grants });
  const client = await world.connect();
  await client.request('SaslHandshake', 1, { mechanism: 'PLAIN' });
  const authBytes = Buffer.from(`\0${id}\0${secret}`);
  expect(await client.request('SaslAuthenticate', 2, { authBytes })).toMatchObject({ errorCode: 0 });
  return client;
}

/** Asks about a topic, group or transactional id; the error code that is told. */
type Ask = (client: KafkaTestClient, name: string) => Promise<number | undefined>;

const shareHeartbeat: Ask = async (client, groupId) => {
  const body = { groupId, memberId: 'm', memberEpoch: 0, subscribedTopicNames: ['a.topic'] };
  return (await client.request('ShareGroupHeartbeat', 1, body)).errorCode;
};

const shareFetchOfGroup: Ask = async (client, groupId) => (await shareFetch(client, groupId, [])).errorCode;

const shareFetchOfTopic: Ask = async (client, name) => {
  const { topicId } = await broker.topics.get(name);
  const partitions = [{ partitionIndex: 0, partitionMaxBytes: 0, acknowledgementBatches: [] }];
  const answer = await shareFetch(client, 'a.group', [{ topicId, partitions }]);
  return answer.errorCode === 0 ? answer.responses[0]?.partitions[0]?.errorCode : answer.errorCode;
};

function shareFetch(client: KafkaTestClient, groupId: string, topics: RequestBody<'ShareFetch'>['topics']) {
  const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000, maxRecords: 1, batchSize: 1 };
  const body = { groupId, memberId: 'm', shareSessionEpoch: 0, topics, forgottenTopicsData: [], ...limits };
  return client.request('ShareFetch', 2, body);
}

const alterShareOffsets: Ask = async (client, groupId) =>
  (await client.request('AlterShareGroupOffsets', 0, { groupId, topics: [] })).errorCode;

const produce: Ask = async (client, name) => {
  const topicData = [{ name, partitionData: [{ index: 0, records: batchOf('x') }] }];
  const body = { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData };
  return (await client.request('Produce', 9, body)).responses[0]?.partitionResponses[0]?.errorCode;
};

const fetch: Ask = async (client, name) => {
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000 }];
  const answer = await client.request('Fetch', 12, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [{ topic: name, partitions }],
  });
  return answer.responses[0]?.partitions[0]?.errorCode;
};

const listOffsets: Ask = async (client, name) => {
  const partitions = [{ partitionIndex: 0, timestamp: -1n }];
  const body = { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions }] };
  return (await client.request('ListOffsets', 7, body)).topics[0]?.partitions[0]?.errorCode;
};

const metadata: Ask = async (client, name) => {
  const answer = await client.request('Metadata', 9, { topics: [{ name }] });
  return answer.topics[0]?.errorCode;
};

const createTopics: Ask = async (client, name) => {
  const topics = [{ name: `${name}.new`, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
  return (await client.request('CreateTopics', 7, { topics, timeoutMs: 1_000 })).topics[0]?.errorCode;
};

const deleteTopics: Ask = async (client, name) => {
  return (await client.request('DeleteTopics', 4, { topicNames: [name], timeoutMs: 1_000 })).responses[0]?.errorCode;
};

const createPartitions: Ask = async (client, name) => {
  const body = { topics: [{ name, count: 2, assignments: null }], timeoutMs: 1_000, validateOnly: true };
  return (await client.request('CreatePartitions', 3, body)).results[0]?.errorCode;
};

const deleteRecords: Ask = async (client, name) => {
  const topics = [{ name, partitions: [{ partitionIndex: 0, offset: 0n }] }];
  return (await client.request('DeleteRecords', 2, { topics, timeoutMs: 1_000 })).topics[0]?.partitions[0]?.errorCode;
};

const describeProducers: Ask = async (client, name) => {
  const answer = await client.request('DescribeProducers', 0, { topics: [{ name, partitionIndexes: [0] }] });
  return answer.topics[0]?.partitions[0]?.errorCode;
};

const alterConfigs: Ask = async (client, name) => {
  const configs = [{ name: 'retention.ms', configOperation: 0, value: '1000' }];
  const resources = [{ resourceType: 2, resourceName: name, configs }];
  const answer = await client.request('IncrementalAlterConfigs', 1, { resources, validateOnly: true });
  return answer.responses[0]?.errorCode;
};

const commit: Ask = async (client, name) => {
  const partitions = [{ partitionIndex: 0, committedOffset: 0n, committedLeaderEpoch: -1, committedMetadata: '' }];
  const body = { groupId: 'a.group', generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name, partitions }] };
  return (await client.request('OffsetCommit', 8, body)).topics[0]?.partitions[0]?.errorCode;
};

const findGroup: Ask = async (client, name) => {
  const answer = await client.request('FindCoordinator', 4, { keyType: 0, coordinatorKeys: [name] });
  return answer.coordinators[0]?.errorCode;
};

const findTransaction: Ask = async (client, name) => {
  return (await client.request('FindCoordinator', 2, { keyType: 1, key: name })).errorCode;
};

const joinGroup: Ask = async (client, name) => {
  const protocols = [{ name: 'range', metadata: new Uint8Array() }];
  const times = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 6_000 };
  const body = { groupId: name, ...times, memberId: '', groupInstanceId: null, protocolType: 'consumer', protocols };
  return (await client.request('JoinGroup', 9, { ...body, reason: null })).errorCode;
};

const heartbeat: Ask = async (client, name) => {
  const body = { groupId: name, generationId: 1, memberId: 'x', groupInstanceId: null };
  return (await client.request('Heartbeat', 4, body)).errorCode;
};

const syncGroup: Ask = async (client, name) => {
  const body = { groupId: name, generationId: 1, memberId: 'x', groupInstanceId: null, assignments: [] };
  return (await client.request('SyncGroup', 5, { ...body, protocolType: 'consumer', protocolName: 'range' })).errorCode;
};

const describeGroups: Ask = async (client, name) => {
  const answer = await client.request('DescribeGroups', 5, { groups: [name], includeAuthorizedOperations: false });
  return answer.groups[0]?.errorCode;
};

const deleteGroups: Ask = async (client, name) => {
  return (await client.request('DeleteGroups', 2, { groupsNames: [name] })).results[0]?.errorCode;
};

const initProducer: Ask = async (client, name) => {
  const body = { transactionalId: name, transactionTimeoutMs: 10_000, producerId: -1n, producerEpoch: -1 };
  return (await client.request('InitProducerId', 4, body)).errorCode;
};

const endTransaction: Ask = async (client, name) => {
  const body = { transactionalId: name, producerId: 1n, producerEpoch: 0, committed: true };
  return (await client.request('EndTxn', 3, body)).errorCode;
};

const asks: [string, Ask, Scope, string, number][] = [
  ['Produce', produce, 'produce', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['Fetch', fetch, 'consume', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['ListOffsets', listOffsets, 'consume', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['OffsetCommit', commit, 'consume', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['DescribeProducers', describeProducers, 'consume', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['CreateTopics', createTopics, 'admin', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['DeleteTopics', deleteTopics, 'admin', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['CreatePartitions', createPartitions, 'admin', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['DeleteRecords', deleteRecords, 'admin', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['IncrementalAlterConfigs', alterConfigs, 'admin', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['FindCoordinator of a group', findGroup, 'consume', 'group', GROUP_AUTHORIZATION_FAILED],
  ['JoinGroup', joinGroup, 'consume', 'group', GROUP_AUTHORIZATION_FAILED],
  ['SyncGroup', syncGroup, 'consume', 'group', GROUP_AUTHORIZATION_FAILED],
  ['Heartbeat', heartbeat, 'consume', 'group', GROUP_AUTHORIZATION_FAILED],
  ['DescribeGroups', describeGroups, 'consume', 'group', GROUP_AUTHORIZATION_FAILED],
  ['DeleteGroups', deleteGroups, 'consume', 'group', GROUP_AUTHORIZATION_FAILED],
  ['ShareGroupHeartbeat', shareHeartbeat, 'consume', 'group', GROUP_AUTHORIZATION_FAILED],
  ['ShareFetch of a group', shareFetchOfGroup, 'consume', 'group', GROUP_AUTHORIZATION_FAILED],
  ['ShareFetch of a topic', shareFetchOfTopic, 'consume', 'topic', TOPIC_AUTHORIZATION_FAILED],
  ['AlterShareGroupOffsets', alterShareOffsets, 'consume', 'group', GROUP_AUTHORIZATION_FAILED],
  ['FindCoordinator of a transaction', findTransaction, 'produce', 'id', TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
  ['InitProducerId', initProducer, 'produce', 'id', TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
  ['EndTxn', endTransaction, 'produce', 'id', TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
];

describe('a key', () => {
  it.each(asks)(
    'that has the scope for %s on a prefix may do it there only',
    async (_api, ask, scope, kind, denied) => {
      // For what has a group beside a topic.
      const client = await clientWith({ scope, topicPrefix: 'a.' });
      const told = await ask(client, `a.${kind}`);
      expect(told).toBeTypeOf('number');
      expect(DENIALS).not.toContain(told);
      expect(await ask(client, `b.${kind}`)).toBe(denied);
    },
  );

  it.each(asks)('without the scope for %s is refused', async (_api, ask, scope, kind, denied) => {
    const others = (['produce', 'consume'] as const).filter((other) => other !== scope);
    const client = await clientWith(...others.map((other) => ({ scope: other })));
    // Who may not even use the group is told so of the topics in it as well.
    expect([denied, GROUP_AUTHORIZATION_FAILED]).toContain(await ask(client, `a.${kind}`));
  });

  it('sees the topics on which it has any scope', async () => {
    for (const scope of ['produce', 'consume', 'admin'] as const) {
      const client = await clientWith({ scope, topicPrefix: 'a.' });
      expect([await metadata(client, 'a.topic'), await metadata(client, 'b.topic')]).toEqual([
        0,
        TOPIC_AUTHORIZATION_FAILED,
      ]);
      const { topics } = await client.request('Metadata', 9, { topics: null });
      expect(topics.map(({ name }) => name)).toEqual(['a.topic']);
    }
  });

  it('makes no topic by asking for one unless it may administer it', async () => {
    const client = await clientWith({ scope: 'produce', topicPrefix: 'a.' });
    expect(await metadata(client, 'a.new')).toBe(TOPIC_AUTHORIZATION_FAILED);
    const admin = await clientWith({ scope: 'admin', topicPrefix: 'a.' });
    expect(await metadata(admin, 'a.new')).toBe(0);
  });

  it('gets the id of a producer if it may produce to any topic', async () => {
    const body = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1n, producerEpoch: -1 };
    const producer = await clientWith({ scope: 'produce', topicPrefix: 'a.' });
    expect((await producer.request('InitProducerId', 4, body)).errorCode).toBe(0);
    const consumer = await clientWith({ scope: 'consume' });
    expect((await consumer.request('InitProducerId', 4, body)).errorCode).toBe(CLUSTER_AUTHORIZATION_FAILED);
  });

  it('subscribes to topics by pattern if it may consume all', async () => {
    const join = async (client: KafkaTestClient, subscribedTopicRegex: string | null) => {
      const body = {
        groupId: 'a.group',
        memberId: 'm',
        memberEpoch: 0,
        rebalanceTimeoutMs: 60_000,
        topicPartitions: [],
      };
      const subscription = { subscribedTopicNames: ['a.topic'], subscribedTopicRegex };
      return (await client.request('ConsumerGroupHeartbeat', 1, { ...body, ...subscription })).errorCode;
    };
    const some = await clientWith({ scope: 'consume', topicPrefix: 'a.' });
    expect(await join(some, '.*')).toBe(TOPIC_AUTHORIZATION_FAILED);
    expect([await join(some, null), await join(some, '')]).toEqual([0, 0]);
    expect(await join(await clientWith({ scope: 'consume' }), '.*')).toBe(0);
  });

  it('is told nothing of a group whose members have topics that it may not see', async () => {
    const all = await clientWith({ scope: 'consume' });
    const some = await clientWith({ scope: 'consume', topicPrefix: 'a.' });
    const member = { memberId: 'm', memberEpoch: 0, subscribedTopicNames: ['b.topic'] };
    const joins = { ...member, groupId: 'a.consumers', rebalanceTimeoutMs: 60_000, topicPartitions: [] };
    expect((await all.request('ConsumerGroupHeartbeat', 1, joins)).errorCode).toBe(0);
    expect((await all.request('ShareGroupHeartbeat', 1, { ...member, groupId: 'a.shares' })).errorCode).toBe(0);
    const plain = { includeAuthorizedOperations: false };
    const described = async (client: KafkaTestClient) => [
      ...(await client.request('ConsumerGroupDescribe', 1, { groupIds: ['a.consumers'], ...plain })).groups,
      ...(await client.request('ShareGroupDescribe', 1, { groupIds: ['a.shares'], ...plain })).groups,
    ];
    expect((await described(all)).map(({ errorCode, members }) => [errorCode, members.length])).toEqual([
      [0, 1],
      [0, 1],
    ]);
    for (const group of await described(some)) {
      expect([group.errorCode, group.members]).toEqual([TOPIC_AUTHORIZATION_FAILED, []]);
      expect(group.errorMessage).not.toContain('b.topic');
    }
  });

  it('does not learn the name of a topic from its id', async () => {
    const client = await clientWith({ scope: 'produce', topicPrefix: 'a.' }, { scope: 'consume', topicPrefix: 'a.' });
    const { topicId } = await broker.topics.get('b.topic');
    const produced = await client.request('Produce', 13, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ topicId, partitionData: [{ index: 0, records: batchOf('x') }] }],
    });
    const partitions = [{ partitionIndex: 0, partitionMaxBytes: 0, acknowledgementBatches: [] }];
    const fetched = await shareFetch(client, 'a.group', [{ topicId, partitions }]);
    for (const told of [produced.responses[0]?.partitionResponses[0], fetched.responses[0]?.partitions[0]]) {
      expect(told?.errorCode).toBe(TOPIC_AUTHORIZATION_FAILED);
      expect(told?.errorMessage).not.toContain('b.topic');
    }
  });

  it('lists the groups that it may read only', async () => {
    const all = await clientWith({ scope: 'consume' });
    for (const groupId of ['a.group', 'b.group']) {
      const partitions = [{ partitionIndex: 0, committedOffset: 0n, committedLeaderEpoch: -1, committedMetadata: '' }];
      const topics = [{ name: 'a.topic', partitions }];
      await all.request('OffsetCommit', 8, { groupId, generationIdOrMemberEpoch: -1, memberId: '', topics });
    }
    const listed = async (client: KafkaTestClient) => {
      const { groups } = await client.request('ListGroups', 4, { statesFilter: [] });
      return groups.map(({ groupId }) => groupId).toSorted();
    };
    expect(await listed(all)).toEqual(['a.group', 'b.group']);
    expect(await listed(await clientWith({ scope: 'consume', topicPrefix: 'a.' }))).toEqual(['a.group']);
  });
});
