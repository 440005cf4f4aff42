import { describe, expect, it } from 'vitest';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { TopicCache } from '../../../lib/broker/topics/topic-cache.ts';
import { cacheLimits } from '../../../lib/kernel/limits/caches.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { TopicWorld } from '../../support/topic-world.ts';

/** A process whose reads are counted and can be held. */
function reader(world: TopicWorld) {
  const state = { reads: 0, held: undefined as Promise<void> | undefined };
  const { broker } = world.process({
    before: async () => {
      state.reads++;
      await state.held;
    },
  });
  return { topics: broker.topics, state };
}

function gate() {
  let open = () => {};
  const held = new Promise<void>((resolve) => (open = resolve));
  return { held, open };
}

const unknown = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };

describe('the topic cache', () => {
  it('reads a topic once in the time that entries live', async () => {
    const world = new TopicWorld();
    await createTopic(world.process().broker, { name: 'orders', partitions: 3 });
    const { topics, state } = reader(world);
    expect(await topics.get('orders')).toMatchObject({ name: 'orders', partitions: 3, state: 'ready' });
    world.clock.advance(cacheLimits.topicCacheMs - 1);
    await topics.get('orders');
    expect(state.reads).toBe(1);
    world.clock.advance(1);
    await topics.get('orders');
    expect(state.reads).toBe(2);
  });

  it('shares one read among those who ask at once', async () => {
    const world = new TopicWorld();
    await createTopic(world.process().broker, { name: 'orders' });
    const { topics, state } = reader(world);
    const found = await Promise.all(Array.from({ length: 50 }, () => topics.get('orders')));
    expect(new Set(found.map(({ topicId }) => topicId)).size).toBe(1);
    expect(state.reads).toBe(1);
  });

  it('reads again where a partition is asked for that the cached topic is without', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await createTopic(broker, { name: 'orders', partitions: 3 });
    const { topics, state } = reader(world);
    await topics.get('orders');
    await alterTopic(broker, 'orders', { partitions: 4 });
    expect(await topics.getWith('orders', 2)).toMatchObject({ partitions: 3 });
    expect(state.reads).toBe(1);
    expect(await topics.getWith('orders', 3)).toMatchObject({ partitions: 4 });
    expect(await topics.getWith('orders', 9)).toMatchObject({ partitions: 4 });
    expect(state.reads).toBe(3);
  });

  it('never remembers that there is no topic', async () => {
    const world = new TopicWorld();
    const { topics } = reader(world);
    await expect(topics.get('orders')).rejects.toMatchObject(unknown);
    await createTopic(world.process().broker, { name: 'orders' });
    await expect(topics.get('orders')).resolves.toMatchObject({ name: 'orders' });
  });

  it('does not take "there is none" from a read that began before the question', async () => {
    const world = new TopicWorld();
    const { broker, store } = world.process();
    const { held, open } = gate();
    let answers = 0;
    const slowToAnswer: MetadataStore = Object.assign(Object.create(store) as MetadataStore, {
      get: async (...question: Parameters<MetadataStore['get']>) => {
        const answer = await store.get(...question);
        if (answers++ === 0) await held;
        return answer;
      },
    });
    const topics = new TopicCache({ metadata: slowToAnswer, clock: world.clock });
    const early = topics.get('orders').catch((error: unknown) => error);
    await createTopic(broker, { name: 'orders' });
    const late = topics.get('orders');
    open();
    expect(await early).toMatchObject(unknown);
    expect(await late).toMatchObject({ name: 'orders' });
  });

  it('reads again after forget, and a read that began before does not bring the old view back', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await createTopic(broker, { name: 'orders' });
    const { topics, state } = reader(world);
    const first = await topics.get('orders');
    await deleteTopic(broker, 'orders');
    const second = await createTopic(broker, { name: 'orders' });
    expect((await topics.get('orders')).topicId).toBe(first.topicId);
    topics.forget('orders');
    expect((await topics.get('orders')).topicId).toBe(second.topicId);

    const { held, open } = gate();
    state.held = held;
    const slow = topics.getFresh('orders');
    topics.forget('orders');
    state.held = undefined;
    open();
    await slow;
    const reads = state.reads;
    await topics.get('orders');
    expect(state.reads).toBe(reads + 1);
  });

  it('reads afresh on demand and keeps what it read', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await createTopic(broker, { name: 'orders' });
    const { topics, state } = reader(world);
    await topics.get('orders');
    await topics.getFresh('orders');
    expect(state.reads).toBe(2);
    await topics.get('orders');
    expect(state.reads).toBe(2);
    await deleteTopic(broker, 'orders');
    await expect(topics.getFresh('orders')).rejects.toMatchObject(unknown);
    await expect(topics.get('orders')).rejects.toMatchObject(unknown);
  });

  it('asks storage for no name that no topic can have', async () => {
    const { topics, state } = reader(new TopicWorld());
    await expect(topics.get('a/../b')).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
    await expect(topics.get('x'.repeat(100_000))).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
    expect(state.reads).toBe(0);
  });

  it('holds a bounded number of topics', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await createTopic(broker, { name: 'first' });
    const { topics, state } = reader(world);
    await topics.get('first');
    // Fills the cache through the same door, without ten thousand topics in the store.
    const entries = (topics as unknown as { cache: { entries: { set(key: string, value: unknown): void } } }).cache
      .entries;
    for (let n = 0; n < cacheLimits.topicCacheEntries; n++) entries.set(`other-${n}`, {});
    await topics.get('first');
    expect(state.reads).toBe(2);
  });
});
