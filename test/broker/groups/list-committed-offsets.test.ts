import { describe, expect, test } from 'vitest';
import { listCommittedOffsets } from '../../../lib/broker/groups/list-committed-offsets.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { makeBroker } from '../../support/broker.ts';

async function world() {
  const process = makeBroker();
  for (const name of ['a', 'b']) await createTopic(process.broker, { name, partitions: 40 });
  const commit = (offsets: { topic: string; partition: number; offset: number; metadata?: string }[], group = 'g') =>
    transact(process.broker, { records: [], offsets: { group, offsets } });
  const list = (page: { limit?: number; cursor?: string } = {}) =>
    listCommittedOffsets(process.broker, { group: 'g', ...page });
  return { ...process, commit, list };
}

describe('the committed offsets of a group', () => {
  test('are those of all its topics, each the newest, with what was kept beside it', async () => {
    const { broker, commit, list, clock } = await world();
    await commit([{ topic: 'a', partition: 1, offset: 5, metadata: 'm' }]);
    await commit([
      { topic: 'a', partition: 1, offset: 6 },
      { topic: 'a', partition: 39, offset: 0 },
      { topic: 'b', partition: 16, offset: 7, metadata: 'n' },
    ]);
    await commit([{ topic: 'a', partition: 2, offset: 1 }], 'other');
    const { offsets, next } = await list();
    const committedMs = clock.now();
    expect(next).toBeUndefined();
    const [a, b] = [await broker.topics.get('a'), await broker.topics.get('b')];
    expect(offsets.sort((x, y) => x.topic.localeCompare(y.topic) || x.partition - y.partition)).toEqual([
      { topic: 'a', topicId: a.topicId, partition: 1, offset: 6, committedMs },
      { topic: 'a', topicId: a.topicId, partition: 39, offset: 0, committedMs },
      { topic: 'b', topicId: b.topicId, partition: 16, offset: 7, committedMs, metadata: 'n' },
    ]);
  });

  test('come by pages', async () => {
    const { commit, list } = await world();
    await commit([0, 16, 32].map((partition) => ({ topic: 'a', partition, offset: partition })));
    const found: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await list({ limit: 1, cursor });
      expect(page.offsets).toHaveLength(1);
      found.push(...page.offsets.map(({ partition }) => partition));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(found).toEqual([0, 16, 32]);
    await expect(list({ cursor: '!' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  test('are without those of topics that were deleted, also where a new one has the name', async () => {
    const { broker, commit, list } = await world();
    await commit([
      { topic: 'a', partition: 0, offset: 1 },
      { topic: 'b', partition: 0, offset: 1 },
    ]);
    await deleteTopic(broker, 'a');
    await deleteTopic(broker, 'b');
    await createTopic(broker, { name: 'b' });
    expect(await list()).toEqual({ offsets: [] });
  });

  test('of a group that nobody has used are none, and of what is no group are refused', async () => {
    const { broker, list } = await world();
    expect(await list()).toEqual({ offsets: [] });
    await expect(listCommittedOffsets(broker, { group: '' })).rejects.toMatchObject({ code: 'INVALID_GROUP_ID' });
  });
});
