/** Attempts to create that the store applies late: after a repetition was applied, and after its deletion. */
import { describe, expect, it } from 'vitest';
import { authenticate } from '../../lib/broker/authenticate.ts';
import type { Broker } from '../../lib/broker/broker.ts';
import { createKey } from '../../lib/broker/create-key.ts';
import { createTopic } from '../../lib/broker/create-topic.ts';
import { deleteKey } from '../../lib/broker/delete-key.ts';
import { deleteTopic } from '../../lib/broker/delete-topic.ts';
import { listKeys } from '../../lib/broker/list-keys.ts';
import { listTopics } from '../../lib/broker/list-topics.ts';
import { deletionCountKey } from '../../lib/kernel/deletion-count.ts';
import { deletionName } from '../../lib/log/topic/topic-writes.ts';
import { CrashError } from '../support/observed-metadata-store.ts';
import { TopicWorld } from '../support/topic-world.ts';

const config = { 'ledger.partitions': 1 };
const firstIsLate = { fault: (write: number) => (write === 0 ? ('late' as const) : undefined) };

async function deliver(late: (() => Promise<{ outcome: string }>)[]): Promise<void> {
  expect(late.length).toBeGreaterThan(0);
  for (const send of late) expect((await send()).outcome).toBe('refused');
}

describe('a creation of a topic that comes late', () => {
  it.each(['orders', 'eu.orders'])('does not bring %s back after its deletion', async (name) => {
    const world = new TopicWorld();
    const { broker, store } = world.process(firstIsLate);
    await createTopic(broker, { name, partitions: 3, config });
    await deleteTopic(world.process().broker, name);
    await deliver(store.late);
    expect(await world.items()).toEqual([]);
  });

  it('does not change the topic that is made of the name after the deletion', async () => {
    const world = new TopicWorld();
    const { broker, store } = world.process(firstIsLate);
    const first = await createTopic(broker, { name: 'orders' });
    await deleteTopic(broker, 'orders');
    const second = await createTopic(broker, { name: 'orders', partitions: 2 });
    await deliver(store.late);
    expect(second.topicId).not.toBe(first.topicId);
    expect(await world.topics()).toMatchObject({ topics: [{ topicId: second.topicId, partitions: 2 }] });
    await deleteTopic(broker, 'orders');
    await deliver(store.late);
    expect(await world.items()).toEqual([]);
  });

  it('makes nothing where it was refused because of a topic that is deleted since', async () => {
    const world = new TopicWorld();
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
    expect(await world.items()).toEqual([]);
  });

  it('makes nothing where it was refused because of a colliding topic that is deleted since', async () => {
    const world = new TopicWorld();
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
    expect(await world.items()).toEqual([]);
  });

  it('makes nothing where it began between the two halves of a deletion that another finished', async () => {
    const world = new TopicWorld();
    await createTopic(world.process().broker, { name: 'orders' });
    const doomed = world.process({ fault: (write) => (write === 1 ? 'crash-before' : undefined) }).broker;
    await expect(deleteTopic(doomed, 'orders')).rejects.toBeInstanceOf(CrashError);
    const { broker, store } = world.process({ fault: () => 'late' });
    await expect(createTopic(broker, { name: 'orders' })).rejects.toMatchObject({ effect: 'unknown' });
    await deleteTopic(world.process().broker, 'orders');
    await deliver(store.late);
    expect(await world.items()).toEqual([]);
  });

  it.each([0, 1, 2])('leaves no ledger of a large topic behind (write %i is late)', async (at) => {
    const world = new TopicWorld();
    const { broker, store } = world.process({ fault: (write) => (write === at ? 'late' : undefined) });
    await createTopic(broker, { name: 'orders', partitions: 150, config });
    await deleteTopic(world.process().broker, 'orders');
    await deliver(store.late);
    expect(await world.items()).toEqual([]);
  });
});

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
    expect(await world.items()).toEqual([]);
    await createTopic(broker, { name: 'orders' });
    expect(await world.topics()).toMatchObject({ topics: [{ name: 'orders' }], unreferencedHeads: 0 });
  });

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

describe('a creation of a key that comes late', () => {
  it('does not make its secret work again after its deletion', async () => {
    const world = new TopicWorld();
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
    const world = new TopicWorld();
    const { broker, store } = world.process(firstIsLate);
    const { id, secret } = await createKey(broker, { grants: [{ scope: 'admin' }] });
    await deliver(store.late);
    expect(await authenticate(world.process().broker, { secret })).toMatchObject({ id });
    expect((await listKeys(broker)).keys).toHaveLength(1);
  });
});

/** A process under whose first write something happens: before it is sent, or after it was applied and its answer lost. */
function interrupted(world: TopicWorld, { lost, by }: { lost: boolean; by: (other: Broker) => Promise<void> }) {
  const other = world.process().broker;
  let happened = false;
  const { broker, store } = world.process({
    fault: (write) => (lost && write === 0 ? 'lost-after' : undefined),
    before: async (call) => {
      if (happened || (lost ? call !== 'get' || store.writes === 0 : call !== 'write')) return;
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
