import { describe, expect, it } from 'vitest';
import { createTopic } from '../../lib/broker/create-topic.ts';
import { deleteTopic } from '../../lib/broker/delete-topic.ts';
import { describeTopic } from '../../lib/broker/describe-topic.ts';
import { TopicWorld } from '../support/topic-world.ts';

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
