/** Creations whose answer is lost, or under which something is deleted. Those that come late have a contract suite. */
import { describe, expect, it } from 'vitest';
import type { Broker } from '../../lib/broker/broker.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../lib/broker/topics/delete-topic.ts';
import { listTopics } from '../../lib/broker/topics/list-topics.ts';
import { deletionCountKey } from '../../lib/kernel/deletion-count.ts';
import { deletionName } from '../../lib/log/topic/topic-writes.ts';
import { TopicWorld } from '../support/topic-world.ts';

describe('a creation of a topic whose answer is lost', () => {
  it('is not made a second time where it was made and deleted meanwhile', async () => {
    const world = new TopicWorld();
    const other = world.process().broker;
    let deletes = true;
    const { broker, store } = world.process({
      fault: (write) => (write === 0 ? 'lost-after' : undefined),
      before: async (call) => {
        if (call !== 'get' || store.writes !== 1 || !deletes) return;
        deletes = false;
        await deleteTopic(other, 'orders');
      },
    });
    await expect(createTopic(broker, { name: 'orders' })).rejects.toMatchObject({
      code: 'REQUEST_TIMED_OUT',
      effect: 'unknown',
    });
    await world.maintain();
    expect(await world.items()).toEqual([]);
    await createTopic(broker, { name: 'orders' });
    expect(await world.topics()).toMatchObject({ topics: [{ name: 'orders' }], unreferencedHeads: 0 });
  });

  it.each(['eu.orders', 'eu_orders'])(
    'is not said to have had no effect where it was made, deleted, and the name taken by %s',
    async (name) => {
      const world = new TopicWorld();
      const other = world.process().broker;
      const { broker } = interrupted(world, {
        lost: true,
        by: async () => {
          await deleteTopic(other, 'eu.orders');
          await createTopic(other, { name });
        },
        at: 'write',
      });
      await expect(createTopic(broker, { name: 'eu.orders' })).rejects.toMatchObject({
        code: name === 'eu.orders' ? 'TOPIC_ALREADY_EXISTS' : 'INVALID_TOPIC',
        effect: 'unknown',
      });
    },
  );

  it('is found though another name of the same count was deleted meanwhile', async () => {
    const world = new TopicWorld();
    const name = sameCountAs('orders');
    const { broker, store } = interrupted(world, { lost: true, by: (other) => deleteTopic(other, name) });
    await createTopic(world.process().broker, { name });
    await createTopic(broker, { name: 'orders' });
    expect(store.writes).toBe(1);
    expect(await world.topics()).toMatchObject({ topics: [{ name: 'orders' }], unreferencedHeads: 0 });
  });
});

it('a creation is repeated where another name of the same count is deleted under it', async () => {
  const world = new TopicWorld();
  const name = sameCountAs('orders');
  const { broker, store } = interrupted(world, { lost: false, by: (other) => deleteTopic(other, name) });
  await createTopic(world.process().broker, { name });
  await createTopic(broker, { name: 'orders' });
  expect(store.writes).toBe(2);
  expect((await listTopics(broker)).topics.map(({ name }) => name)).toEqual(['orders']);
});

interface Interruption {
  /** The first write is applied and its answer lost; what happens does so then. */
  lost: boolean;
  /** Before which call it happens: the first, or the first after the lost one. */
  at?: 'get' | 'write';
  by: (other: Broker) => Promise<void>;
}

/** A process under whose creation something happens. */
function interrupted(world: TopicWorld, { lost, at = lost ? 'get' : 'write', by }: Interruption) {
  const other = world.process().broker;
  let happened = false;
  const { broker, store } = world.process({
    fault: (write) => (lost && write === 0 ? 'lost-after' : undefined),
    before: async (call) => {
      if (happened || call !== at || (lost && store.writes === 0)) return;
      happened = true;
      await by(other);
    },
  });
  return { broker, store };
}

function sameCountAs(name: string): string {
  const wanted = deletionCountKey(deletionName(name)).pk;
  for (let n = 0; ; n++) {
    const candidate = `topic${n}`;
    if (deletionCountKey(deletionName(candidate)).pk === wanted) return candidate;
  }
}
