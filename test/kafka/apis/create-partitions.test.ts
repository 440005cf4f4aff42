import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

async function grower() {
  const world = await gatewayWorld({ brokers: 2 });
  await createTopic(world.broker, { name: 't', partitions: 2 });
  const client = await world.connect();
  const grow = async (
    count: number,
    { name = 't', assignments = null as number[][] | null, validateOnly = false } = {},
  ) => {
    const assigned = assignments?.map((brokerIds) => ({ brokerIds })) ?? null;
    const topics = [{ name, count, assignments: assigned }];
    const { results } = await client.request('CreatePartitions', 3, { topics, timeoutMs: 1_000, validateOnly });
    return results[0]?.errorCode;
  };
  const partitions = async () => (await world.broker.topics.getFresh('t')).partitions;
  return { ...world, client, grow, partitions };
}

describe('CreatePartitions', () => {
  it('lets a topic grow', async () => {
    const { grow, partitions } = await grower();
    expect(await grow(40)).toBe(0);
    expect(await partitions()).toBe(40);
  });

  it('only says whether it could, where it is asked to', async () => {
    const { grow, partitions } = await grower();
    expect(await grow(5, { validateOnly: true })).toBe(0);
    expect(await grow(1, { validateOnly: true })).toBe(37);
    expect(await partitions()).toBe(2);
  });

  it('refuses as many partitions as there are, fewer, and too many', async () => {
    const { grow } = await grower();
    expect([await grow(2), await grow(1), await grow(0), await grow(1_000_000)]).toEqual([37, 37, 37, 37]);
  });

  it('refuses topics that are not there', async () => {
    const { grow } = await grower();
    expect(await grow(3, { name: 'u' })).toBe(3);
  });

  it('takes assignments to brokers that are there', async () => {
    const { grow, partitions } = await grower();
    expect(await grow(4, { assignments: [[1]] })).toBe(39);
    expect(await grow(4, { assignments: [[1], [3]] })).toBe(39);
    expect(
      await grow(4, {
        assignments: [
          [1, 2],
          [2, 1],
        ],
      }),
    ).toBe(39);
    expect(await grow(2, { assignments: [] })).toBe(37);
    expect(await grow(4, { assignments: [[1], [2]] })).toBe(0);
    expect(await partitions()).toBe(4);
  });

  it('refuses a topic that is named twice', async () => {
    const { client, partitions } = await grower();
    const topics = [3, 4].map((count) => ({ name: 't', count, assignments: null }));
    const { results } = await client.request('CreatePartitions', 0, { topics, timeoutMs: 1_000, validateOnly: false });
    expect(results).toMatchObject([{ name: 't', errorCode: 42 }]);
    expect(await partitions()).toBe(2);
  });
});
