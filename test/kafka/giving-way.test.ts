/** Requests that name much: whatever is worked on for all of it, those of other connections are answered in between. */
import { expect, it } from 'vitest';
import { clusterId } from '../../lib/broker/cluster-id.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import type { Call, GatewayContext, ServedApi } from '../../lib/kafka/api.ts';
import { Cluster } from '../../lib/kafka/cluster.ts';
import type { ApiName } from '../../lib/kafka/generated/apis.ts';
import { advertised, served } from '../../lib/kafka/served-apis.ts';
import { ShareSessions } from '../../lib/kafka/share-groups/share-sessions.ts';
import { TopicNames } from '../../lib/kafka/topics/topic-names.ts';
import { Traffic } from '../../lib/kafka/traffic.ts';
import { type Clock, systemClock } from '../../lib/kernel/clock.ts';
import { kafkaLimits } from '../../lib/kernel/limits/kafka.ts';
import { batchOf } from '../support/broker.ts';
import { turn } from '../support/passing-time.ts';
import { ShortTurns } from '../support/short-turns.ts';
import { gatewayWorld, memoryBroker } from './support/gateway-world.ts';

const MANY = 2_000;
const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';
const many = <Element>(element: (index: number) => Element, length = MANY) =>
  Array.from({ length }, (_, index) => element(index));
/** All records of a request lie in the memory of its frame. */
const BATCH = batchOf('x');
const nameOf = (index: number) => `no-${index}`;

/** What the connection and the gateway give a handler, with turns that are counted. */
async function counted() {
  const broker = memoryBroker();
  const { topicId } = await createTopic(broker, { name: 't', partitions: 2 });
  const node = { nodeId: 1, host: '127.0.0.1', port: 1, rack: null };
  const turns = new ShortTurns();
  const gateway: GatewayContext = {
    broker,
    cluster: new Cluster(await clusterId(broker), [node]),
    topicNames: new TopicNames(broker),
    advertised,
    shareSessions: new ShareSessions({ clock: systemClock }),
    traffic: new Traffic(),
    turns,
    autoCreate: { enabled: false, partitions: 1 },
  };
  const callIn = (version: number): Call => ({
    gateway,
    session: { node, address: '' },
    version,
    clientId: null,
    signal: new AbortController().signal,
    accepted: () => {},
    roomForAnswer: async () => true,
    roomNow: () => true,
    hangUp: () => {},
    mute: () => {},
    whenSent: () => {},
  });
  return { turns, callIn, topicId };
}

const offset = { partitionIndex: 0, committedOffset: 1n, committedLeaderEpoch: -1, committedMetadata: null };
const topicsWith = (partitions: object) =>
  many((index) => ({ name: nameOf(index), topicId: ZERO_UUID, ...partitions }));

/** The API, its version, and a request's fields. */
const requests: [ApiName, number, object][] = [
  ['AddPartitionsToTxn', 3, { v3AndBelowTransactionalId: 'x', v3AndBelowTopics: topicsWith({ partitions: [0] }) }],
  ['AlterShareGroupOffsets', 0, { groupId: 'g', topics: many((at) => ({ topicName: nameOf(at), partitions: [] })) }],
  ['CreatePartitions', 3, { topics: many((at) => ({ name: nameOf(at), count: 2, assignments: null })) }],
  [
    'CreateTopics',
    7,
    {
      topics: many((at) => ({
        name: nameOf(at),
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      })),
      validateOnly: true,
    },
  ],
  ['DeleteGroups', 2, { groupsNames: many(nameOf) }],
  ['DeleteRecords', 2, { topics: topicsWith({ partitions: [] }) }],
  ['DeleteTopics', 6, { topics: many((at) => ({ name: nameOf(at), topicId: ZERO_UUID })) }],
  [
    'DescribeConfigs',
    4,
    { resources: many((at) => ({ resourceType: 4, resourceName: nameOf(at), configurationKeys: null })) },
  ],
  ['DescribeGroups', 6, { groups: many(nameOf) }],
  ['ConsumerGroupDescribe', 1, { groupIds: many(nameOf) }],
  ['ShareGroupDescribe', 1, { groupIds: many(nameOf) }],
  ['DescribeProducers', 0, { topics: topicsWith({ partitionIndexes: [0] }) }],
  ['DescribeShareGroupOffsets', 1, { groups: many((at) => ({ groupId: nameOf(at), topics: [] })) }],
  ['DescribeTransactions', 0, { transactionalIds: many(nameOf) }],
  [
    'Fetch',
    12,
    {
      sessionId: 0,
      sessionEpoch: -1,
      rackId: '',
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1_000,
      topics: [
        {
          topic: 't',
          partitions: many((at) => ({
            partition: at,
            fetchOffset: 0n,
            partitionMaxBytes: 1_000,
            currentLeaderEpoch: -1,
          })),
        },
      ],
    },
  ],
  ['FindCoordinator', 4, { keyType: 0, coordinatorKeys: many(nameOf) }],
  [
    'IncrementalAlterConfigs',
    1,
    { resources: many((at) => ({ resourceType: 9, resourceName: nameOf(at), configs: [] })), validateOnly: false },
  ],
  ['ListOffsets', 7, { topics: topicsWith({ partitions: [{ partitionIndex: 0, timestamp: -1n }] }) }],
  ['ListOffsets', 7, { topics: [{ name: 't', partitions: many((at) => ({ partitionIndex: at, timestamp: -1n })) }] }],
  ['Metadata', 12, { topics: topicsWith({}) }],
  ['OffsetCommit', 9, { groupId: 'g', memberId: '', topics: topicsWith({ partitions: [offset] }) }],
  [
    'OffsetFetch',
    9,
    { groups: [{ groupId: 'g', memberId: null, memberEpoch: -1, topics: topicsWith({ partitionIndexes: [0] }) }] },
  ],
  [
    'OffsetForLeaderEpoch',
    4,
    { topics: many((at) => ({ topic: nameOf(at), partitions: [{ partition: 0, leaderEpoch: 0 }] })) },
  ],
  [
    'Produce',
    9,
    {
      acks: -1,
      transactionalId: null,
      topicData: [{ name: 't', partitionData: many((at) => ({ index: at % 2, records: BATCH })) }],
    },
  ],
  ['TxnOffsetCommit', 3, { transactionalId: 'x', groupId: 'g', topics: topicsWith({ partitions: [offset] }) }],
];

it.each(requests)('%s (version %i) has breaks in its work on all that is named', async (name, version, request) => {
  const { turns, callIn } = await counted();
  const api = served[name] as unknown as ServedApi<'Heartbeat'>;
  await api.handle(callIn(version), request as never);
  expect(turns.breaks).toBeGreaterThan(MANY / 20);
});

it('answers another connection before it is done with a large request', async () => {
  const events: string[] = [];
  const asking = Promise.withResolvers<void>();
  const othersAnswered = Promise.withResolvers<void>();
  let ms = 0;
  /** Each break lasts until the other connection has been answered. */
  const clock: Clock = {
    ...systemClock,
    monotonic: () => {
      ms += 1;
      return ms;
    },
    sleep: async (forMs, signal) => {
      if (forMs > 0) return systemClock.sleep(forMs, signal);
      asking.resolve();
      await othersAnswered.promise;
      await turn();
    },
  };
  const { connect } = await gatewayWorld({ clock, broker: memoryBroker() });
  const [large, other] = [await connect(), await connect()];
  const coordinatorKeys = many(nameOf, 10 * kafkaLimits.kafkaTurnMsMax);
  const asked = large.request('FindCoordinator', 4, { keyType: 0, coordinatorKeys }).then(({ coordinators }) => {
    events.push('large');
    asking.resolve();
    return coordinators;
  });
  await asking.promise;
  await other.request('ApiVersions', 3, { clientSoftwareName: 'a', clientSoftwareVersion: '1' });
  events.push('other');
  othersAnswered.resolve();
  expect((await asked).map(({ key }) => key)).toEqual(coordinatorKeys);
  expect(events).toEqual(['other', 'large']);
});
