/** What is asked of a broker, Kafka's or ours, without starting a Java machine for it. */
import assert from 'node:assert/strict';
import { KafkaTestClient } from '../../../kafka/support/kafka-test-client.ts';

const TOPIC_RESOURCE = 2;
const TIMEOUT_MS = 30_000;

async function withClient<T>(bootstrap: string, ask: (client: KafkaTestClient) => Promise<T>): Promise<T> {
  const client = await KafkaTestClient.open(Number(bootstrap.split(':').at(-1)));
  try {
    return await ask(client);
  } finally {
    client.destroy();
  }
}

export interface NewTopics {
  names: readonly string[];
  partitions: number;
  configs?: Readonly<Record<string, string>>;
}

export async function createTopics(bootstrap: string, { names, partitions, configs = {} }: NewTopics): Promise<void> {
  const topics = names.map((name) => ({
    name,
    numPartitions: partitions,
    replicationFactor: -1,
    assignments: [],
    configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
  }));
  const answer = await withClient(bootstrap, (client) =>
    client.request('CreateTopics', 7, { topics, timeoutMs: TIMEOUT_MS }),
  );
  for (const { name, errorCode } of answer.topics) assert.equal(errorCode, 0, `${name} was not created: ${errorCode}`);
}

export async function addPartitions(bootstrap: string, name: string, count: number): Promise<void> {
  const topics = [{ name, count, assignments: null }];
  const { results } = await withClient(bootstrap, (client) =>
    client.request('CreatePartitions', 3, { topics, timeoutMs: TIMEOUT_MS, validateOnly: false }),
  );
  assert.equal(results[0]?.errorCode, 0);
}

/** How many partitions each topic has, by name. */
export async function topicsOf(bootstrap: string): Promise<Map<string, number>> {
  const { topics } = await withClient(bootstrap, (client) =>
    client.request('Metadata', 8, { topics: null, allowAutoTopicCreation: false }),
  );
  return new Map(topics.map(({ name, partitions }) => [name ?? '', partitions.length]));
}

export async function topicConfig(bootstrap: string, topic: string, name: string): Promise<string | null | undefined> {
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: topic, configurationKeys: [name] }];
  const { results } = await withClient(bootstrap, (client) => client.request('DescribeConfigs', 4, { resources }));
  return results[0]?.configs[0]?.value;
}

/** The offsets that a group has committed of a topic, by partition. */
export async function committedOffsets(
  bootstrap: string,
  groupId: string,
  topic: string,
): Promise<Map<number, number>> {
  const { topics } = await withClient(bootstrap, (client) =>
    client.request('OffsetFetch', 7, { groupId, topics: null }),
  );
  const { partitions = [] } = topics.find(({ name }) => name === topic) ?? {};
  return new Map(partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]));
}
