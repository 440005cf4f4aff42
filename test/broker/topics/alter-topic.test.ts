import { describe, expect, it } from 'vitest';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { TopicWorld } from '../../support/topic-world.ts';

async function worldWithOrders(partitions = 20) {
  const world = new TopicWorld();
  const { broker, store } = world.process();
  await createTopic(broker, { name: 'orders', partitions, config: { 'retention.ms': 1, 'ledger.partitions': 2 } });
  return { world, broker, store };
}

describe('altering a topic', () => {
  it('grows its partitions and keeps those that are there', async () => {
    const { world, broker } = await worldWithOrders(3);
    const before = await world.items();
    const altered = await alterTopic(broker, 'orders', { partitions: 8 });
    expect(altered.partitions).toBe(8);
    expect(altered.partitionDetails.map(({ partition }) => partition)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const { topics, unreferencedHeads } = await world.topics();
    expect(topics).toMatchObject([{ partitions: 8, version: 2 }]);
    expect(unreferencedHeads).toBe(0);
    const heads = (items: typeof before) => items.filter(({ key }) => key.sk === 'head');
    expect(heads(await world.items())).toEqual(expect.arrayContaining(heads(before)));
  });

  it('refuses as many partitions as there are to whoever wants more', async () => {
    const { broker } = await worldWithOrders(3);
    const refusal = { code: 'INVALID_PARTITIONS', message: 'The topic "orders" has 3 partitions already.' };
    await expect(alterTopic(broker, 'orders', { partitions: 3, mustGrow: true })).rejects.toMatchObject(refusal);
    await expect(alterTopic(broker, 'orders', { partitions: 2, mustGrow: true })).rejects.toThrow('only grow');
    expect(await alterTopic(broker, 'orders', { partitions: 4, mustGrow: true })).toMatchObject({ partitions: 4 });
  });

  it('writes nothing where it is only to say whether it could', async () => {
    const { world, broker, store } = await worldWithOrders(3);
    const before = await world.items();
    const writes = store.writes;
    await alterTopic(broker, 'orders', { partitions: 50, config: { 'flush.ms': 7 }, validateOnly: true });
    const bad = { config: { 'flush.ms': 'x' }, validateOnly: true };
    await expect(alterTopic(broker, 'orders', bad)).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    const fewer = { partitions: 1, validateOnly: true };
    await expect(alterTopic(broker, 'orders', fewer)).rejects.toMatchObject({ code: 'INVALID_PARTITIONS' });
    expect(store.writes).toBe(writes);
    expect(await world.items()).toEqual(before);
  });

  it('decides from the configs that are set, anew where they have changed meanwhile', async () => {
    const { broker } = await worldWithOrders(3);
    const seen: string[] = [];
    const appended = (overrides: Record<string, string>) => {
      seen.push(overrides['cleanup.policy'] ?? '');
      return { 'cleanup.policy': [overrides['cleanup.policy'] ?? 'delete', 'compact'].join(',') };
    };
    const both = ['flush.ms', 'flush.messages'].map((name) =>
      alterTopic(broker, 'orders', {
        config: (overrides) => ({ [name]: 5, 'file.delete.delay.ms': Object.keys(overrides).length }),
      }),
    );
    await Promise.all(both);
    const altered = await alterTopic(broker, 'orders', { config: appended });
    expect(seen).toEqual(['']);
    expect(altered.config).toMatchObject({
      'flush.ms': '5',
      'flush.messages': '5',
      'cleanup.policy': 'delete,compact',
    });
    // The second of the two saw what the first had set.
    expect(altered.config['file.delete.delay.ms']).toBe('4');
  });

  it('writes no head where the last ledger has room', async () => {
    const { broker, store } = await worldWithOrders(3);
    const before = store.writes;
    await alterTopic(broker, 'orders', { partitions: 4 });
    expect(store.writes - before).toBe(1);
  });

  it('grows by more ledgers than a transaction holds', async () => {
    const { world, broker } = await worldWithOrders(1);
    await alterTopic(broker, 'orders', { partitions: 601 });
    expect(await world.topics()).toMatchObject({ topics: [{ partitions: 601 }], unreferencedHeads: 0 });
  });

  it('replicates the ledgers of new partitions as those that are there', async () => {
    const world = new TopicWorld();
    world.assignable = [0, 1, 2];
    const { broker } = world.process();
    const request = { name: 'orders', partitions: 2, replicationFactor: 3, config: { 'ledger.partitions': 1 } };
    const before = await createTopic(broker, request);
    const after = await alterTopic(broker, 'orders', { partitions: 6 });
    expect(after.partitionDetails.slice(0, 2)).toEqual(before.partitionDetails);
    const leaders = after.partitionDetails.map(({ leader }) => leader);
    expect(leaders).toEqual(leaders.map((_, ledger) => ((leaders[0] as number) + ledger) % 3));
    for (const { replicas, isr } of after.partitionDetails) expect([replicas.length, isr]).toEqual([3, replicas]);
  });

  it('refuses new ledgers where fewer replicas are configured now, and allows partitions that need none', async () => {
    const world = new TopicWorld();
    world.assignable = [0, 1, 2];
    const request = { name: 'orders', partitions: 1, replicationFactor: 3, config: { 'ledger.partitions': 2 } };
    await createTopic(world.process().broker, request);
    world.assignable = [0, 1];
    const { broker } = world.process();
    await expect(alterTopic(broker, 'orders', { partitions: 3 })).rejects.toMatchObject({
      code: 'INVALID_REPLICATION_FACTOR',
      message: expect.stringContaining('factor 3 is not allowed: 2 replicas are configured') as string,
    });
    expect(await alterTopic(broker, 'orders', { partitions: 2 })).toMatchObject({ partitions: 2 });
  });

  it('merges configs, and resets with null', async () => {
    const { broker } = await worldWithOrders();
    const altered = await alterTopic(broker, 'orders', { config: { 'retention.ms': null, 'segment.ms': 7 } });
    expect(altered.config).toEqual({ 'ledger.partitions': '2', 'segment.ms': '7' });
    expect(altered.configValues).toMatchObject({ 'retention.ms': 604_800_000, 'segment.ms': 7 });
  });

  it('writes nothing where everything is so already', async () => {
    const { broker, store } = await worldWithOrders();
    const before = store.writes;
    const same = { partitions: 20, config: { 'retention.ms': '1', 'ledger.partitions': 2, 'flush.ms': null } };
    expect(await alterTopic(broker, 'orders', same)).toMatchObject({ partitions: 20 });
    expect(store.writes).toBe(before);
  });

  it.each([
    ['fewer partitions', { partitions: 19 }, 'INVALID_PARTITIONS', '20'],
    ['no partitions', { partitions: 0 }, 'INVALID_PARTITIONS', '0'],
    ['too many partitions', { partitions: 10_001 }, 'INVALID_PARTITIONS', '10000'],
    ['other ledger.partitions', { config: { 'ledger.partitions': 3 } }, 'INVALID_CONFIG', 'ledger.partitions'],
    ['default ledger.partitions', { config: { 'ledger.partitions': null } }, 'INVALID_CONFIG', 'ledger.partitions'],
    ['an unknown config', { config: { nope: 1 } }, 'INVALID_CONFIG', 'nope'],
    ['a bad value', { partitions: 21, config: { 'retention.ms': 'x' } }, 'INVALID_CONFIG', 'retention.ms'],
  ])('refuses %s and changes nothing', async (_, request, code, part) => {
    const { world, broker, store } = await worldWithOrders();
    const before = store.writes;
    await expect(alterTopic(broker, 'orders', request)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(part) as string,
    });
    expect(store.writes).toBe(before);
    expect(await world.topics()).toMatchObject({ topics: [{ version: 1 }] });
  });

  it('refuses a topic that is not there', async () => {
    const { broker } = new TopicWorld().process();
    await expect(alterTopic(broker, 'orders', { partitions: 2 })).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
    await expect(alterTopic(broker, 'a b', { partitions: 2 })).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
  });

  it('is seen by its own process at once and by others within the time of the cache', async () => {
    const { world, broker } = await worldWithOrders();
    const other = world.process().broker;
    expect((await other.topics.get('orders')).partitions).toBe(20);
    await broker.topics.get('orders');
    await alterTopic(broker, 'orders', { partitions: 21 });
    expect((await broker.topics.get('orders')).partitions).toBe(21);
    expect((await other.topics.get('orders')).partitions).toBe(20);
    world.clock.advance(5_000);
    expect((await other.topics.get('orders')).partitions).toBe(21);
  });
});
