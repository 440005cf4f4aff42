import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { ZERO_UUID } from '../../../lib/kafka/codec/reader.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

describe('DeleteTopics', () => {
  it('deletes by name, each topic with its own outcome', async () => {
    const { broker, connect } = await gatewayWorld();
    await createTopic(broker, { name: 'gone' });
    const client = await connect();
    const topicNames = ['gone', 'never-there', 'no spaces'];
    const { responses } = await client.request('DeleteTopics', 5, { topicNames, timeoutMs: 1_000 });
    expect(responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['gone', 0],
      ['never-there', 3],
      ['no spaces', 17],
    ]);
    await expect(broker.topics.getFresh('gone')).rejects.toThrow('no topic');
  });

  it('deletes by id, and tells the name', async () => {
    const { broker, connect } = await gatewayWorld();
    const { topicId } = await createTopic(broker, { name: 'gone' });
    const client = await connect();
    const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ';
    const { responses } = await client.request('DeleteTopics', 6, {
      topics: [
        { name: null, topicId },
        { name: null, topicId: unknown },
      ],
      timeoutMs: 1_000,
    });
    expect(responses).toMatchObject([
      { name: 'gone', topicId, errorCode: 0 },
      { name: null, topicId: unknown, errorCode: 100 },
    ]);
  });

  it('refuses what names no topic, or one in two ways, or twice', async () => {
    const { broker, connect } = await gatewayWorld();
    const { topicId } = await createTopic(broker, { name: 'kept' });
    const client = await connect();
    const { responses } = await client.request('DeleteTopics', 6, {
      topics: [
        { name: null, topicId: ZERO_UUID },
        { name: 'kept', topicId },
        { name: 'kept', topicId: ZERO_UUID },
        { name: 'kept', topicId: ZERO_UUID },
      ],
      timeoutMs: 1_000,
    });
    expect(responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      [null, 42],
      ['kept', 42],
      ['kept', 42],
    ]);
    expect(await broker.topics.getFresh('kept')).toMatchObject({ topicId });
  });
});
