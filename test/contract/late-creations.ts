/**
 * Attempts to create that a store applies late: after a repetition was applied, and after its deletion. Over a store
 * that keeps the promises of its port, they change nothing.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { authenticate } from '../../lib/broker/keys/authenticate.ts';
import { createKey } from '../../lib/broker/keys/create-key.ts';
import { deleteKey } from '../../lib/broker/keys/delete-key.ts';
import { listKeys } from '../../lib/broker/keys/list-keys.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../lib/broker/topics/delete-topic.ts';
import type { Item } from '../../lib/kernel/items.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { CrashError } from '../support/observed-metadata-store.ts';
import { TopicWorld } from '../support/topic-world.ts';

const config = { 'ledger.partitions': 1 };
const firstIsLate = { fault: (write: number) => (write === 0 ? ('late' as const) : undefined) };

async function deliver(late: (() => Promise<{ outcome: string }>)[]): Promise<void> {
  expect(late.length).toBeGreaterThan(0);
  for (const send of late) expect((await send()).outcome).toBe('refused');
}

/** `makeStore` makes an empty store for each test. */
export function lateCreationContract(adapter: string, makeStore: () => Promise<MetadataStore>): void {
  const opened: MetadataStore[] = [];
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  async function makeWorld(): Promise<TopicWorld> {
    const store = await makeStore();
    opened.push(store);
    return new TopicWorld(store);
  }

  /** Once the deletions are finished. */
  async function leftIn(world: TopicWorld): Promise<Item[]> {
    await world.maintain();
    return world.items();
  }

  describe(`a creation of a topic that comes late, over ${adapter}`, () => {
    it.each(['orders', 'eu.orders'])('does not bring %s back after its deletion', async (name) => {
      const world = await makeWorld();
      const { broker, store } = world.process(firstIsLate);
      await createTopic(broker, { name, partitions: 3, config });
      await deleteTopic(world.process().broker, name);
      await deliver(store.late);
      expect(await leftIn(world)).toEqual([]);
    });

    it('does not change the topic that is made of the name after the deletion', async () => {
      const world = await makeWorld();
      const { broker, store } = world.process(firstIsLate);
      const first = await createTopic(broker, { name: 'orders' });
      await deleteTopic(broker, 'orders');
      const second = await createTopic(broker, { name: 'orders', partitions: 2 });
      await deliver(store.late);
      expect(second.topicId).not.toBe(first.topicId);
      expect(await world.topics()).toMatchObject({ topics: [{ topicId: second.topicId, partitions: 2 }] });
      await deleteTopic(broker, 'orders');
      await deliver(store.late);
      expect(await leftIn(world)).toEqual([]);
    });

    it('makes nothing where it was refused because of a topic that is deleted since', async () => {
      const world = await makeWorld();
      const other = world.process().broker;
      const { broker, store } = world.process({
        ...firstIsLate,
        before: async (call) => {
          if (call === 'get' && store.writes === 1) await createTopic(other, { name: 'orders' });
        },
      });
      await expect(createTopic(broker, { name: 'orders' })).rejects.toMatchObject({
        code: 'TOPIC_ALREADY_EXISTS',
        effect: 'none',
      });
      await deleteTopic(other, 'orders');
      await deliver(store.late);
      expect(await leftIn(world)).toEqual([]);
    });

    it('makes nothing where it was refused because of a colliding topic that is deleted since', async () => {
      const world = await makeWorld();
      const other = world.process().broker;
      const { broker, store } = world.process({
        ...firstIsLate,
        before: async (call) => {
          if (call === 'get' && store.writes === 1) await createTopic(other, { name: 'eu.orders' });
        },
      });
      await expect(createTopic(broker, { name: 'eu_orders' })).rejects.toMatchObject({
        code: 'INVALID_TOPIC',
        effect: 'none',
      });
      await deleteTopic(other, 'eu.orders');
      await deliver(store.late);
      expect(await leftIn(world)).toEqual([]);
    });

    it('makes nothing where it began between the two halves of a deletion that another finished', async () => {
      const world = await makeWorld();
      await createTopic(world.process().broker, { name: 'orders' });
      const doomed = world.process({ fault: (write) => (write === 1 ? 'crash-before' : undefined) }).broker;
      await expect(deleteTopic(doomed, 'orders')).rejects.toBeInstanceOf(CrashError);
      const { broker, store } = world.process({ fault: () => 'late' });
      await expect(createTopic(broker, { name: 'orders' })).rejects.toMatchObject({ effect: 'unknown' });
      await deleteTopic(world.process().broker, 'orders');
      await deliver(store.late);
      expect(await leftIn(world)).toEqual([]);
    });

    it.each([0, 1, 2])('leaves no ledger of a large topic behind (write %i is late)', async (at) => {
      const world = await makeWorld();
      const { broker, store } = world.process({ fault: (write) => (write === at ? 'late' : undefined) });
      await createTopic(broker, { name: 'orders', partitions: 150, config });
      await deleteTopic(world.process().broker, 'orders');
      await deliver(store.late);
      expect(await leftIn(world)).toEqual([]);
    });
  });

  describe(`a creation of a key that comes late, over ${adapter}`, () => {
    it('does not make its secret work again after its deletion', async () => {
      const world = await makeWorld();
      const { broker, store } = world.process(firstIsLate);
      const { id, secret } = await createKey(broker, { grants: [{ scope: 'admin' }] });
      expect(await authenticate(world.process().broker, { secret })).toMatchObject({ id });
      await deleteKey(world.process().broker, id);
      await deliver(store.late);
      expect(await authenticate(world.process().broker, { secret })).toBeUndefined();
      expect((await listKeys(broker)).keys).toEqual([]);
      expect(await world.items()).toEqual([]);
    });

    it('whose repetition was applied changes nothing', async () => {
      const world = await makeWorld();
      const { broker, store } = world.process(firstIsLate);
      const { id, secret } = await createKey(broker, { grants: [{ scope: 'admin' }] });
      await deliver(store.late);
      expect(await authenticate(world.process().broker, { secret })).toMatchObject({ id });
      expect((await listKeys(broker)).keys).toHaveLength(1);
    });
  });
}
