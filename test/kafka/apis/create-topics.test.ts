import { describe, expect, it } from 'vitest';
import { topicConfigTable } from '../../../lib/log/topic/config-table.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

const topic = (name: string, fields = {}) => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...fields,
});

async function creator(options = {}) {
  const world = await gatewayWorld(options);
  const client = await world.connect();
  const create = async (topics: ReturnType<typeof topic>[], { version = 7, validateOnly = false } = {}) =>
    (await client.request('CreateTopics', version, { topics, validateOnly, timeoutMs: 1_000 })).topics;
  return { ...world, create };
}

describe('CreateTopics', () => {
  it('creates topics, and says what they have become', async () => {
    const { broker, create } = await creator();
    const configs = [{ name: 'cleanup.policy', value: 'compact' }];
    const [made] = await create([topic('orders', { numPartitions: 3, configs })]);
    expect(made).toMatchObject({ name: 'orders', errorCode: 0, numPartitions: 3, replicationFactor: 1 });
    expect(made?.topicId).toBe((await broker.topics.get('orders')).topicId);
    expect(made?.configs).toHaveLength(Object.keys(topicConfigTable).length);
    expect(made?.configs?.find(({ name }) => name === 'cleanup.policy')).toMatchObject({
      value: 'compact',
      configSource: 1,
    });
    expect(made?.configs?.find(({ name }) => name === 'retention.ms')).toMatchObject({
      value: '604800000',
      configSource: 5,
    });
  });

  it('answers old clients without what they do not know', async () => {
    const { create } = await creator();
    expect(await create([topic('old')], { version: 2 })).toMatchObject([{ name: 'old', errorCode: 0 }]);
    expect(await create([topic('less-old')], { version: 5 })).toMatchObject([{ numPartitions: 1 }]);
  });

  it('creates no more than 10,000 partitions by one request, and none of them beyond', async () => {
    const { broker, create } = await creator();
    const topics = ['a', 'b', 'c'].map((name) => topic(name, { numPartitions: 4_000 }));
    const refused = await create(topics);
    expect(refused.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['a', 44],
      ['b', 44],
      ['c', 44],
    ]);
    await expect(broker.topics.get('a')).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    expect(await create([topic('a', { numPartitions: 20 }), topic('b', { numPartitions: 1_000_000 })])).toMatchObject([
      { name: 'a', errorCode: 0 },
      { name: 'b', errorCode: 37 },
    ]);
  });

  it('gives the default numbers where none are asked for', async () => {
    const { create } = await creator({ autoCreate: { enabled: true, partitions: 4 } });
    expect(await create([topic('t', { numPartitions: -1, replicationFactor: -1 })])).toMatchObject([
      { numPartitions: 4, replicationFactor: 1 },
    ]);
  });

  it('only says what would be, where it is asked to', async () => {
    const { broker, create } = await creator();
    await create([topic('there'), topic('a.b')]);
    const validated = await create(
      [topic('new', { numPartitions: 2 }), topic('there'), topic('a_b'), topic('bad', { numPartitions: 0 })],
      { validateOnly: true },
    );
    expect(validated.map(({ errorCode }) => errorCode)).toEqual([0, 36, 17, 37]);
    expect(validated[0]).toMatchObject({ numPartitions: 2 });
    expect([...(await broker.groups.topics({ fresh: true })).keys()]).toEqual(['a.b', 'there']);
  });

  it.each([
    ['a name that is taken', topic('taken'), 36],
    ['a name that no topic can have', topic('no spaces'), 17],
    ['no partitions', topic('t', { numPartitions: 0 }), 37],
    ['too many partitions', topic('t', { numPartitions: 1_000_000 }), 37],
    ['no replicas', topic('t', { replicationFactor: 0 }), 38],
    ['more replicas than there are', topic('t', { replicationFactor: 3 }), 38],
    ['a config that is none', topic('t', { configs: [{ name: 'message.format.version', value: '2.0' }] }), 40],
    ['a value that is none', topic('t', { configs: [{ name: 'retention.ms', value: 'week' }] }), 40],
    ['a config without a value', topic('t', { configs: [{ name: 'retention.ms', value: null }] }), 40],
  ])('refuses %s, and creates the others', async (_what, bad, code) => {
    const { create } = await creator();
    await create([topic('taken')]);
    const results = await create([bad, topic('good')]);
    expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      [bad.name, code],
      ['good', 0],
    ]);
    expect(results[0]?.errorMessage).toMatch(/\.$/);
  });

  it('refuses a topic that is named twice, once', async () => {
    const { create } = await creator();
    const results = await create([topic('t'), topic('u'), topic('t')]);
    expect(results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['u', 0],
      ['t', 42],
    ]);
  });

  describe('with replicas assigned to brokers', () => {
    const assigned = (...brokers: number[][]) =>
      topic('t', {
        numPartitions: -1,
        replicationFactor: -1,
        assignments: brokers.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
      });

    it('takes the numbers of partitions and replicas from them', async () => {
      const { create } = await creator({ brokers: 2 });
      expect(await create([assigned([2], [1], [2])])).toMatchObject([
        { errorCode: 0, numPartitions: 3, replicationFactor: 1 },
      ]);
    });

    it.each([
      ['a broker that is not there', assigned([3]), 39],
      ['no broker', assigned([]), 39],
      ['a broker twice', assigned([1, 1]), 39],
      ['more replicas for some', assigned([1], [1, 2]), 39],
      ['more replicas than there are', assigned([1, 2]), 38],
      ['a gap', topic('t', { ...assigned([1]), assignments: [{ partitionIndex: 1, brokerIds: [1] }] }), 39],
      ['numbers as well', { ...assigned([1]), numPartitions: 1 }, 42],
    ])('refuses %s', async (_what, bad, code) => {
      const { create } = await creator({ brokers: 2 });
      expect(await create([bad])).toMatchObject([{ errorCode: code }]);
    });
  });
});
