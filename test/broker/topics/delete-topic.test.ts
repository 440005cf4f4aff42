import { describe, expect, it } from 'vitest';
import { type Broker, settled } from '../../../lib/broker/broker.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { describeTopic } from '../../../lib/broker/topics/describe-topic.ts';
import { listTopics } from '../../../lib/broker/topics/list-topics.ts';
import { epochKey } from '../../../lib/coordination/replication/epoch-item.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import type { MillraceError } from '../../../lib/kernel/errors.ts';
import { headKey, ledgerKey } from '../../../lib/log/ledger/head.ts';
import { encodePage, pageKey } from '../../../lib/log/ledger/page.ts';
import { headOf, makeBroker, makeStores, makeTopic } from '../../support/broker.ts';
import { TopicWorld } from '../../support/topic-world.ts';

describe('deleting a topic', () => {
  it.each(['orders', 'eu.orders_v1'])('removes every item of %s', async (name) => {
    const world = new TopicWorld();
    const { broker, store } = world.process();
    const { topicId } = await createTopic(broker, { name, partitions: 250, config: { 'ledger.partitions': 1 } });
    const ledger = { topicId, index: 3 };
    for (let sequence = 0; sequence < 250; sequence++) {
      const page = { sequence, epoch: 0, bases: Array(16).fill(0), maxTimestamps: Array(16).fill(-1), commits: [] };
      await store.write([{ kind: 'put', key: pageKey(ledger, sequence), attributes: encodePage(page) }]);
    }
    await store.write([{ kind: 'put', key: { pk: ledgerKey(ledger), sk: 'producer#7' }, attributes: { s: 1 } }]);
    await store.write([{ kind: 'put', key: epochKey(headKey(ledger), 1), attributes: { l: 1 } }]);
    await deleteTopic(broker, name);
    await world.maintain();
    expect(await world.items()).toEqual([]);
  });

  it('leaves a topic of the name alone that has not the id that is meant', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    const { topicId } = await createTopic(broker, { name: 'orders' });
    await deleteTopic(broker, 'orders', topicId);
    const { topicId: next } = await createTopic(broker, { name: 'orders' });
    const unknown = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };
    await expect(deleteTopic(broker, 'orders', topicId)).rejects.toMatchObject(unknown);
    expect(await describeTopic(broker, 'orders')).toMatchObject({ topicId: next });
  });

  it('makes it unknown to everything', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await createTopic(broker, { name: 'orders' });
    await createTopic(broker, { name: 'returns' });
    await broker.topics.get('orders');
    await deleteTopic(broker, 'orders');
    const unknown = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };
    await expect(broker.topics.get('orders')).rejects.toMatchObject(unknown);
    await expect(describeTopic(broker, 'orders')).rejects.toMatchObject(unknown);
    await expect(deleteTopic(broker, 'orders')).rejects.toMatchObject(unknown);
    expect((await listTopics(broker)).topics.map(({ name }) => name)).toEqual(['returns']);
  });

  it('refuses a name that no topic can have', async () => {
    const { broker } = new TopicWorld().process();
    await expect(deleteTopic(broker, '..')).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
  });
});

describe('a process that still believes in a deleted topic', () => {
  const produce = (broker: Broker) =>
    produceRecords(broker, { topic: 't', records: [{ key: null, value: utf8('x'), headers: [] }], acks: 'all' });

  it('acknowledges nothing', async () => {
    const stores = makeStores();
    const { broker: deleting } = await makeTopic({ stores, partitions: 3 });
    const { broker: believing, metadata } = makeBroker({ stores });
    expect(await produce(believing)).toMatchObject([{ outcome: 'written', offset: 0 }]);
    await deleteTopic(deleting, 't');
    metadata.forget();
    const ends = await produce(believing).then(
      (outcomes) => outcomes.map((end) => (end.outcome === 'failed' ? end.error.code : end.outcome)),
      (error: unknown) => [(error as MillraceError).code],
    );
    expect(ends).toEqual(['UNKNOWN_TOPIC_OR_PARTITION']);
    await settled(believing);
    expect((await stores.metadata.query({ pk: 'topics', limit: 10, consistency: 'strong' })).items).toEqual([]);
  });

  it('produces to the one that took its place, from offset 0', async () => {
    const stores = makeStores();
    const { broker: deleting } = await makeTopic({ stores, partitions: 1 });
    const { broker: believing } = makeBroker({ stores });
    await produce(believing);
    await deleteTopic(deleting, 't');
    const { topicId } = await createTopic(deleting, { name: 't' });
    expect(await produce(believing)).toMatchObject([{ outcome: 'written', offset: 0 }]);
    expect((await headOf(stores.metadata, { topicId, index: 0 })).next[0]).toBe(1);
  });
});
