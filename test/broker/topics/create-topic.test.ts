import { describe, expect, it } from 'vitest';
import { checkNewTopic, createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { describeTopic } from '../../../lib/broker/topics/describe-topic.ts';
import { TopicWorld } from '../../support/topic-world.ts';

describe('creating a topic', () => {
  it('answers what describing it then answers', async () => {
    const { broker } = new TopicWorld().process();
    const created = await createTopic(broker, {
      name: 'orders',
      partitions: 20,
      replicationFactor: 1,
      config: { 'retention.ms': 60_000, 'unclean.leader.election.enable': true },
    });
    expect(created).toMatchObject({
      name: 'orders',
      partitions: 20,
      replicationFactor: 1,
      config: { 'retention.ms': '60000', 'unclean.leader.election.enable': 'true' },
    });
    expect(created.topicId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(created.configValues['retention.ms']).toBe(60_000);
    expect(created.partitionDetails).toHaveLength(20);
    expect(created.partitionDetails[19]).toEqual({
      partition: 19,
      leader: 0,
      leaderEpoch: 0,
      replicas: [0],
      isr: [0],
      logStartOffset: 0,
      highWatermark: 0,
    });
    expect(await describeTopic(broker, 'orders')).toEqual(created);
  });

  it('has one partition, one replica and no configs by default', async () => {
    const { broker } = new TopicWorld().process();
    expect(await createTopic(broker, { name: 'orders' })).toMatchObject({
      partitions: 1,
      replicationFactor: 1,
      config: {},
    });
  });

  it('spreads its ledgers over the replicas, with all of them in sync', async () => {
    const world = new TopicWorld();
    world.assignable = [3, 1, 5];
    const { broker } = world.process();
    const created = await createTopic(broker, {
      name: 'orders',
      partitions: 5,
      replicationFactor: 2,
      config: { 'ledger.partitions': 1 },
    });
    expect(await describeTopic(broker, 'orders')).toEqual(created);
    const preferred = created.partitionDetails.map(({ leader }) => leader);
    const turn = world.assignable.indexOf(preferred[0] as number);
    expect(preferred).toEqual([0, 1, 2, 3, 4].map((ledger) => world.assignable[(turn + ledger) % 3]));
    for (const { leader, replicas, isr, leaderEpoch, highWatermark } of created.partitionDetails) {
      expect(replicas).toEqual([leader, world.assignable[(world.assignable.indexOf(leader) + 1) % 3]]);
      expect({ isr, leaderEpoch, highWatermark }).toEqual({ isr: replicas, leaderEpoch: 0, highWatermark: 0 });
    }
  });

  it('begins with another replica for another topic', async () => {
    const world = new TopicWorld();
    world.assignable = [0, 1, 2];
    const { broker } = world.process();
    const names = Array.from({ length: 30 }, (_, i) => `orders-${i}`);
    const topics = await Promise.all(names.map((name) => createTopic(broker, { name, replicationFactor: 3 })));
    expect(new Set(topics.map(({ partitionDetails }) => partitionDetails[0]?.leader))).toEqual(new Set([0, 1, 2]));
  });

  it('leaves a topic with a single replica in the own bucket, whatever is configured beside', async () => {
    const world = new TopicWorld();
    world.assignable = [1, 2];
    const { broker } = world.process();
    const { partitionDetails } = await createTopic(broker, { name: 'orders' });
    expect(partitionDetails[0]).toMatchObject({ leader: 0, replicas: [0], isr: [0] });
    const heads = (await world.items()).filter(({ key }) => key.sk === 'head');
    expect(heads.map(({ attributes }) => attributes['q'])).toEqual([undefined]);
  });

  it('costs one transaction', async () => {
    const { broker, store } = new TopicWorld().process();
    await createTopic(broker, { name: 'orders', partitions: 97 * 16 });
    expect(store.writes).toBe(1);
  });

  it.each([
    ['97 ledgers, which fit into the transaction', 97],
    ['98 ledgers, which do not', 98],
    ['250 ledgers', 250],
  ])('makes a topic with %s', async (_, partitions) => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await createTopic(broker, { name: 'orders', partitions, config: { 'ledger.partitions': 1 } });
    const { topics, unreferencedHeads } = await world.topics();
    expect(topics).toMatchObject([{ name: 'orders', partitions, ledgerPartitions: 1, version: 1 }]);
    expect(unreferencedHeads).toBe(0);
    expect((await describeTopic(broker, 'orders')).partitionDetails).toHaveLength(partitions);
  });

  it('leaves room for the claim of a name with a dot', async () => {
    const world = new TopicWorld();
    await createTopic(world.process().broker, {
      name: 'eu.orders',
      partitions: 97,
      config: { 'ledger.partitions': 1 },
    });
    expect(await world.topics()).toMatchObject({ topics: [{ name: 'eu.orders' }], unreferencedHeads: 0 });
  });

  it('makes 10,000 partitions', async () => {
    const { broker } = new TopicWorld().process();
    const created = await createTopic(broker, { name: 'orders', partitions: 10_000 });
    expect(created.partitionDetails).toHaveLength(10_000);
  });

  it.each([0, -1, 1.5, 10_001, Number.NaN])('refuses %d partitions', async (partitions) => {
    const { broker } = new TopicWorld().process();
    await expect(createTopic(broker, { name: 'orders', partitions })).rejects.toMatchObject({
      code: 'INVALID_PARTITIONS',
      message: expect.stringContaining('10000') as string,
    });
  });

  it.each([0, 2, -1])(
    'refuses replication factor %d, saying how many replicas there are',
    async (replicationFactor) => {
      const { broker } = new TopicWorld().process();
      await expect(createTopic(broker, { name: 'orders', replicationFactor })).rejects.toMatchObject({
        code: 'INVALID_REPLICATION_FACTOR',
        message: expect.stringContaining('1 replica is configured') as string,
      });
    },
  );

  it.each([0, 3, 1.5])('refuses replication factor %d where two replicas are configured', async (replicationFactor) => {
    const world = new TopicWorld();
    world.assignable = [1, 4];
    const { broker, store } = world.process();
    await expect(createTopic(broker, { name: 'orders', replicationFactor })).rejects.toMatchObject({
      code: 'INVALID_REPLICATION_FACTOR',
      message: expect.stringContaining('2 replicas are configured') as string,
    });
    expect(store.writes).toBe(0);
  });

  it('refuses a bad name and a bad config, and writes nothing', async () => {
    const { broker, store } = new TopicWorld().process();
    await expect(createTopic(broker, { name: 'a b' })).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
    await expect(createTopic(broker, { name: 'a', config: { nope: '1' } })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    });
    expect(store.writes).toBe(0);
  });

  it.each([1, 120])('refuses a name that is taken (%d ledgers) and changes nothing', async (partitions) => {
    const world = new TopicWorld();
    const { broker } = world.process();
    const config = { 'ledger.partitions': 1 };
    await createTopic(broker, { name: 'orders', partitions: 3, config });
    await expect(createTopic(broker, { name: 'orders', partitions, config })).rejects.toMatchObject({
      code: 'TOPIC_ALREADY_EXISTS',
      effect: 'none',
    });
    expect(await world.topics()).toMatchObject({ topics: [{ partitions: 3 }], unreferencedHeads: 0 });
  });

  it('refuses a name that collides with one that is there, until that one is gone', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await createTopic(broker, { name: 'eu.orders' });
    await expect(createTopic(broker, { name: 'eu_orders' })).rejects.toMatchObject({
      code: 'INVALID_TOPIC',
      message: expect.stringContaining('"eu.orders"') as string,
    });
    await expect(createTopic(broker, { name: 'eu.orders' })).rejects.toMatchObject({ code: 'TOPIC_ALREADY_EXISTS' });
    await deleteTopic(broker, 'eu.orders');
    await createTopic(broker, { name: 'eu_orders' });
    expect(await world.topics()).toMatchObject({ topics: [{ name: 'eu_orders' }], unreferencedHeads: 0 });
  });

  it('gives a name that is used again a new id', async () => {
    const { broker } = new TopicWorld().process();
    const first = await createTopic(broker, { name: 'orders' });
    await deleteTopic(broker, 'orders');
    const second = await createTopic(broker, { name: 'orders' });
    expect(second.topicId).not.toBe(first.topicId);
  });
});

describe('checking a new topic', () => {
  it('says what it would come to, and writes nothing', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    const request = { name: 'orders', partitions: 20, config: { 'retention.ms': 5 } };
    expect(await checkNewTopic(broker, request)).toMatchObject({
      name: 'orders',
      partitions: 20,
      replicationFactor: 1,
      config: { 'retention.ms': '5' },
    });
    expect(await world.items()).toEqual([]);
  });

  it('throws what creating it would throw', async () => {
    const { broker } = new TopicWorld().process();
    for (const name of ['orders', 'eu.orders']) await createTopic(broker, { name });
    const code = async (request: Parameters<typeof checkNewTopic>[1]) => {
      const [checked, created] = await Promise.allSettled([
        checkNewTopic(broker, request),
        createTopic(broker, request),
      ]);
      expect(checked).toEqual(created);
      return checked.status === 'rejected' ? (checked.reason as { code: string }).code : undefined;
    };
    expect(await code({ name: 'orders' })).toBe('TOPIC_ALREADY_EXISTS');
    expect(await code({ name: 'eu_orders' })).toBe('INVALID_TOPIC');
    expect(await code({ name: 'x', partitions: 0 })).toBe('INVALID_PARTITIONS');
    expect(await code({ name: 'x', replicationFactor: 2 })).toBe('INVALID_REPLICATION_FACTOR');
    expect(await code({ name: 'x', config: { nothing: 1 } })).toBe('INVALID_CONFIG');
  });
});
