import { describe, expect, it } from 'vitest';
import { freshView, openPartition, viewOf } from '../../../lib/broker/read/open-partition.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { makeBroker, makeStores, makeTopic } from '../../support/broker.ts';

const GONE = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };

describe('openPartition', () => {
  it('finds the ledger and the slot of a partition', async () => {
    const { broker, ledger } = await makeTopic({ partitions: 10, config: { 'ledger.partitions': 4 } });
    expect(await openPartition(broker, 't', 9)).toEqual({
      topic: 't',
      partition: 9,
      ledger: { ...ledger, index: 2 },
      slot: 1,
    });
  });

  it('finds a partition that the topic got after its config was cached', async () => {
    const stores = makeStores();
    const { broker } = await makeTopic({ stores, partitions: 1 });
    await expect(openPartition(broker, 't', 1)).rejects.toMatchObject(GONE);
    await alterTopic(makeBroker({ stores }).broker, 't', { partitions: 2 });
    expect(await openPartition(broker, 't', 1)).toMatchObject({ partition: 1, slot: 1 });
    await expect(openPartition(broker, 't', 2)).rejects.toMatchObject({
      ...GONE,
      message: expect.stringContaining('0 to 1'),
    });
  });
});

describe('a view of a topic that is deleted', () => {
  it('is refused, and the topic is looked up anew from then on', async () => {
    const stores = makeStores();
    const { broker } = await makeTopic({ stores });
    const other = makeBroker({ stores }).broker;
    const partition = await openPartition(broker, 't', 0);
    await deleteTopic(other, 't');
    await createTopic(other, { name: 't' });
    await expect(freshView(broker, partition)).rejects.toMatchObject(GONE);
    expect(() => viewOf(broker, partition, undefined)).toThrow('Topic t was deleted.');
    const again = await openPartition(broker, 't', 0);
    expect(again.ledger.topicId).not.toBe(partition.ledger.topicId);
    expect(await freshView(broker, again)).toMatchObject({ logStart: 0, highWatermark: 0 });
  });
});
