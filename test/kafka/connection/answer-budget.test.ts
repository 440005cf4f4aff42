/** Answers that a few bytes ask for and that take much: they are made only while there is room for them. */
import { expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { kafkaLimits } from '../../../lib/kernel/limits/kafka.ts';
import { turn } from '../../support/passing-time.ts';
import { gatewayWorld } from '../support/gateway-world.ts';
import type { KafkaTestClient } from '../support/kafka-test-client.ts';

const AT_ONCE = kafkaLimits.kafkaUnsentAnswersBytesMax / kafkaLimits.kafkaAnswerAllBytes;
const CLIENTS = 3 * AT_ONCE;

const asking: Record<string, (client: KafkaTestClient) => Promise<unknown>> = {
  Metadata: (client) => client.request('Metadata', 9, { topics: null }),
  DescribeTopicPartitions: (client) =>
    client.request('DescribeTopicPartitions', 0, { topics: [], responsePartitionLimit: 10, cursor: null }),
};

it.each(Object.entries(asking))('answers %s of all topics to so many clients at once only', async (_name, ask) => {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 1 });
  const { groups } = broker;
  const topics = groups.topics.bind(groups);
  const state = { making: 0, most: 0 };
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  groups.topics = async (options) => {
    state.making += 1;
    state.most = Math.max(state.most, state.making);
    await gate;
    state.making -= 1;
    return topics(options);
  };
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect()));
  const answers = clients.map((client) => ask(client));
  while (state.most < AT_ONCE) await turn();
  // Answered by another connection: what was sent before has been looked at.
  await (await connect()).request('ApiVersions', 0, {});
  expect(state.most).toBe(AT_ONCE);
  open();
  expect(await Promise.all(answers)).toHaveLength(CLIENTS);
  expect(state.most).toBe(AT_ONCE);
});

it('reserves no more for thousands of names than for all there is, which would keep others waiting for all of the room', async () => {
  const { broker, connect } = await gatewayWorld();
  const { groups } = broker;
  const topics = groups.topics.bind(groups);
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  groups.topics = async (options) => {
    begin();
    await gate;
    return topics(options);
  };
  const [slow, client] = [await connect(), await connect()];
  const all = slow.request('Metadata', 9, { topics: null });
  await begun;
  const count = kafkaLimits.kafkaUnsentAnswersBytesMax / kafkaLimits.kafkaAnswerConfigsBytes + 1;
  const resources = Array.from({ length: count }, (_, at) => {
    return { resourceType: 2, resourceName: `no topic ${at}`, configurationKeys: null };
  });
  const { results } = await client.request('DescribeConfigs', 4, { resources });
  expect(results).toHaveLength(count);
  open();
  await all;
});

it('answers once what is named a thousand times', async () => {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 1 });
  const client = await connect();
  const times = <Element>(element: Element): Element[] => Array.from({ length: 1_000 }, () => element);
  const topic = { resourceType: 2, resourceName: 't', configurationKeys: null };
  const { results } = await client.request('DescribeConfigs', 4, { resources: times(topic) });
  expect(results.map(({ resourceName }) => resourceName)).toEqual(['t']);
  const { groups: classic } = await client.request('DescribeGroups', 5, { groups: times('g') });
  expect(classic).toHaveLength(1);
  const { groups: described } = await client.request('ConsumerGroupDescribe', 1, {
    groupIds: times('g'),
    includeAuthorizedOperations: false,
  });
  expect(described).toHaveLength(1);
  const { transactionStates } = await client.request('DescribeTransactions', 0, { transactionalIds: times('x') });
  expect(transactionStates).toHaveLength(1);
  const all = { groupId: 'g', memberId: null, memberEpoch: -1, topics: null };
  const some = { ...all, topics: [{ name: 't', partitionIndexes: [0] }] };
  const fetched = await client.request('OffsetFetch', 9, { groups: [...times(all), some, some] });
  expect(fetched.groups.map(({ topics }) => topics.length)).toEqual([0, 1, 1]);
});
