import { describe, expect, it } from 'vitest';
import type { Broker } from '../../../lib/broker/broker.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { listTopics } from '../../../lib/broker/topics/list-topics.ts';
import { toBase64Url, utf8 } from '../../../lib/kernel/bytes.ts';
import { TopicWorld } from '../../support/topic-world.ts';

async function pages(broker: Broker, limit: number, prefixes?: readonly string[]): Promise<string[][]> {
  const result: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await listTopics(broker, { limit, cursor, prefixes });
    result.push(page.topics.map(({ name }) => name));
    cursor = page.next;
  } while (cursor !== undefined);
  return result;
}

describe('listing topics', () => {
  it('lists none where there is none', async () => {
    expect(await listTopics(new TopicWorld().process().broker)).toEqual({ topics: [] });
  });

  it('pages through all in the order of their names', async () => {
    const { broker } = new TopicWorld().process();
    for (const name of ['b', 'a', 'a-1', 'B', 'c', 'a0']) await createTopic(broker, { name });
    expect(await pages(broker, 100)).toEqual([['B', 'a', 'a-1', 'a0', 'b', 'c']]);
    expect(await pages(broker, 4)).toEqual([
      ['B', 'a', 'a-1', 'a0'],
      ['b', 'c'],
    ]);
    expect(await pages(broker, 3)).toEqual([
      ['B', 'a', 'a-1'],
      ['a0', 'b', 'c'],
    ]);
    expect(await pages(broker, 1)).toEqual([['B'], ['a'], ['a-1'], ['a0'], ['b'], ['c']]);
  });

  it('pages through those with a prefix as if there were no others', async () => {
    const { broker } = new TopicWorld().process();
    for (const name of ['A', 'a', 'a.', 'a.1', 'a.z', 'a0', 'b', 'c.x', 'c.y', 'd'])
      await createTopic(broker, { name });
    expect(await pages(broker, 2, ['a.'])).toEqual([['a.', 'a.1'], ['a.z']]);
    expect(await pages(broker, 3, ['a.'])).toEqual([['a.', 'a.1', 'a.z']]);
    expect(await pages(broker, 2, ['c.', 'a.', 'a.1', 'a.', 'x'])).toEqual([['a.', 'a.1'], ['a.z', 'c.x'], ['c.y']]);
    expect(await pages(broker, 1, ['d', 'b'])).toEqual([['b'], ['d']]);
    for (const none of [[], ['e'], ['a.2']]) expect(await pages(broker, 1, none)).toEqual([[]]);
  });

  it('goes on from any cursor, also one outside of the prefixes', async () => {
    const { broker } = new TopicWorld().process();
    for (const name of ['a', 'b', 'c', 'd']) await createTopic(broker, { name });
    const from = async (name: string) =>
      (await listTopics(broker, { cursor: toBase64Url(utf8(name)), prefixes: ['b', 'd'] })).topics.map((t) => t.name);
    expect(await from('a')).toEqual(['b', 'd']);
    expect(await from('b')).toEqual(['d']);
    expect(await from('c')).toEqual(['d']);
    expect(await from('z')).toEqual([]);
  });

  it('says what each is', async () => {
    const { broker } = new TopicWorld().process();
    const { name, topicId } = await createTopic(broker, { name: 'orders', partitions: 6 });
    expect((await listTopics(broker)).topics).toEqual([{ name, topicId, partitions: 6, replicationFactor: 1 }]);
  });

  it.each([0, 1_001, -1, 2.5, Number.NaN])('refuses the limit %d', async (limit) => {
    await expect(listTopics(new TopicWorld().process().broker, { limit })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
  });

  it.each(['', '!', toBase64Url(utf8('a b')), toBase64Url(utf8('x'.repeat(4_000))), toBase64Url(Uint8Array.of(0xff))])(
    'refuses the cursor %j',
    async (cursor) => {
      await expect(listTopics(new TopicWorld().process().broker, { cursor })).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
      });
    },
  );
});
