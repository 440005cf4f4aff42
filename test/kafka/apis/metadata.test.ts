import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { ZERO_UUID } from '../../../lib/kafka/codec/reader.ts';
import { type GatewayWorldOptions, gatewayWorld } from '../support/gateway-world.ts';
import type { RequestBody } from '../support/kafka-test-client.ts';

type Asked = Partial<RequestBody<'Metadata'>> & { version?: number };

const NOT_ASKED_FOR = -(2 ** 31);

async function asking(options: GatewayWorldOptions = {}) {
  const world = await gatewayWorld(options);
  const client = await world.connect();
  const ask = (names: string[] | null, { version = 13, allowAutoTopicCreation = false, ...rest }: Asked = {}) =>
    client.request('Metadata', version, {
      topics: names?.map((name) => ({ name })) ?? null,
      ...(version >= 4 && { allowAutoTopicCreation }),
      ...rest,
    });
  const errorsOf = async (...asked: Parameters<typeof ask>) =>
    (await ask(...asked)).topics.map(({ name, errorCode }) => [name, errorCode]);
  const names = async () => [...(await world.broker.groups.topics({ fresh: true })).keys()];
  return { ...world, client, ask, errorsOf, names };
}

describe('Metadata', () => {
  it('answers the virtual brokers, and partitions that they lead in turn', async () => {
    const { broker, cluster, ask } = await asking({ brokers: 3, racks: ['a', 'b', 'c'] });
    const { topicId } = await createTopic(broker, { name: 't', partitions: 6 });
    const answer = await ask(['t']);
    expect(answer).toMatchObject({
      errorCode: 0,
      clusterId: cluster.id,
      controllerId: 1,
      brokers: cluster.nodes.map(({ nodeId, host, port, rack }) => ({ nodeId, host, port, rack })),
      clusterAuthorizedOperations: NOT_ASKED_FOR,
    });
    const [topic] = answer.topics;
    expect(topic).toMatchObject({ name: 't', topicId, isInternal: false, topicAuthorizedOperations: NOT_ASKED_FOR });
    const leaders = topic?.partitions.map(({ leaderId }) => leaderId) ?? [];
    expect(new Set(leaders.slice(0, 3))).toEqual(new Set([1, 2, 3]));
    expect(leaders.slice(3)).toEqual(leaders.slice(0, 3));
    for (const partition of topic?.partitions ?? []) {
      const { leaderId } = partition;
      expect(partition).toMatchObject({ replicaNodes: [leaderId], isrNodes: [leaderId], leaderEpoch: 0 });
    }
  });

  it('answers all topics where none is named: with an empty list in the first version, with none later', async () => {
    const { broker, errorsOf } = await asking();
    for (const name of ['b', 'a']) await createTopic(broker, { name });
    const all = [
      ['a', 0],
      ['b', 0],
    ];
    expect(await errorsOf([], { version: 0 })).toEqual(all);
    expect(await errorsOf(null)).toEqual(all);
    expect(await errorsOf([])).toEqual([]);
  });

  it('answers all topics by reading their directory alone', async () => {
    const { broker, errorsOf } = await asking();
    const made = Array.from({ length: 50 }, (_, n) => `topic-${String(n).padStart(2, '0')}`);
    for (const name of made) {
      await createTopic(broker, { name });
      broker.topics.forget(name);
    }
    let reads = 0;
    const get = broker.metadata.get.bind(broker.metadata);
    broker.metadata.get = (...args) => {
      reads += 1;
      return get(...args);
    };
    expect(await errorsOf(null)).toEqual(made.map((name) => [name, 0]));
    expect(reads).toBe(0);
  });

  it('answers a topic once that is named twice', async () => {
    const { broker, errorsOf } = await asking();
    await createTopic(broker, { name: 't' });
    expect(await errorsOf(['t', 't'])).toEqual([['t', 0]]);
  });

  it('answers topics by their ids, without a name for ids that are none', async () => {
    const { broker, client } = await asking();
    const { topicId } = await createTopic(broker, { name: 't' });
    const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ';
    const topics = [topicId, unknown].map((id) => ({ name: null, topicId: id }));
    const answer = await client.request('Metadata', 12, { topics });
    expect(answer.topics).toMatchObject([
      { name: 't', topicId, errorCode: 0 },
      { name: null, topicId: unknown, errorCode: 100 },
    ]);
    const named = await client.request('Metadata', 12, { topics: [{ name: '', topicId }] });
    expect(named.topics).toMatchObject([{ name: 't', topicId, errorCode: 0 }]);
    const early = await client.request('Metadata', 11, { topics: [{ name: null, topicId }] });
    expect(early.topics).toMatchObject([{ errorCode: 42 }]);
  });

  it('answers what may be done where it is asked', async () => {
    const { broker, ask } = await asking();
    await createTopic(broker, { name: 't' });
    const both = { includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true };
    const answer = await ask(['t', 'u'], { version: 8, ...both });
    expect(answer.clusterAuthorizedOperations).toBe(8_096);
    expect(answer.topics.map(({ topicAuthorizedOperations }) => topicAuthorizedOperations)).toEqual([
      3_576,
      NOT_ASKED_FOR,
    ]);
    expect((await ask(['t'], { includeTopicAuthorizedOperations: true })).topics[0]?.topicAuthorizedOperations).toBe(
      3_576,
    );
  });

  describe('of a topic that is not there', () => {
    it('creates it, with as many partitions as topics get, where the client lets it', async () => {
      const { ask, names } = await asking({ autoCreate: { enabled: true, partitions: 4 } });
      const { topics } = await ask(['t'], { allowAutoTopicCreation: true });
      expect(topics[0]).toMatchObject({ name: 't', errorCode: 0 });
      expect(topics[0]?.topicId).not.toBe(ZERO_UUID);
      expect(topics[0]?.partitions).toHaveLength(4);
      expect(await names()).toEqual(['t']);
    });

    it('creates it for clients that cannot say whether it may', async () => {
      const { errorsOf } = await asking();
      expect(await errorsOf(['t'], { version: 3 })).toEqual([['t', 0]]);
    });

    it('creates it once for clients that ask at the same time', async () => {
      const { connect, names } = await asking();
      const clients = await Promise.all([connect(), connect(), connect()]);
      const topics = [{ name: 't' }];
      const answers = await Promise.all(clients.map((client) => client.request('Metadata', 9, { topics })));
      expect(answers.map((answer) => answer.topics[0]?.errorCode)).toEqual([0, 0, 0]);
      expect(await names()).toEqual(['t']);
    });

    it('says so where the client does not let it be created, or the gateway does not', async () => {
      const lenient = await asking();
      expect(await lenient.errorsOf(['t'])).toEqual([['t', 3]]);
      const strict = await asking({ autoCreate: { enabled: false, partitions: 1 } });
      expect(await strict.errorsOf(['t'], { allowAutoTopicCreation: true })).toEqual([['t', 3]]);
      expect(await strict.names()).toEqual([]);
    });

    it('refuses names that no topic can have, and leaves those of Kafka itself alone', async () => {
      const { errorsOf, names } = await asking();
      const asked = ['no spaces', '__consumer_offsets', '__transaction_state'];
      expect(await errorsOf(asked, { allowAutoTopicCreation: true })).toEqual([
        ['no spaces', 17],
        ['__consumer_offsets', 3],
        ['__transaction_state', 3],
      ]);
      expect(await names()).toEqual([]);
    });
  });

  it('says which topics clients are to pass over', async () => {
    const { broker, ask } = await asking();
    await createTopic(broker, { name: '__consumer_offsets' });
    expect((await ask(null)).topics).toMatchObject([{ name: '__consumer_offsets', isInternal: true }]);
  });
});
