import { expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { TopicNames } from '../../../lib/kafka/topics/topic-names.ts';
import { memoryBroker } from '../support/gateway-world.ts';

it('names the topics that there are by their ids, whether it has met them or not', async () => {
  const broker = memoryBroker();
  const { topicId } = await createTopic(broker, { name: 't', partitions: 1 });
  const names = new TopicNames(broker);
  expect(await names.nameOf(topicId)).toBe('t');
  expect(await names.nameOf(topicId)).toBe('t');
  expect(await names.nameOf('AAAAAAAAAAAAAAAAAAAAAQ')).toBeUndefined();
});

it('takes no new topic for the one of its name before it', async () => {
  const broker = memoryBroker();
  const { topicId } = await createTopic(broker, { name: 't', partitions: 1 });
  const names = new TopicNames(broker);
  expect(await names.nameOf(topicId)).toBe('t');
  await deleteTopic(broker, 't');
  expect(await names.nameOf(topicId)).toBeUndefined();
  const next = await createTopic(broker, { name: 't', partitions: 1 });
  expect(await names.nameOf(topicId)).toBeUndefined();
  names.learn(next.topicId, 't');
  expect(await names.nameOf(next.topicId)).toBe('t');
});

it('goes through the directory once, however many ids are nobody’s', async () => {
  const broker = memoryBroker();
  const directory = new Map(await broker.groups.topics());
  let walks = 0;
  const walked = new Proxy(directory, {
    get(target, property) {
      if (property === Symbol.iterator) walks += 1;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  broker.groups.topics = () => Promise.resolve(walked);
  const names = new TopicNames(broker);
  for (let at = 0; at < 100; at++) {
    expect(await names.nameOf(`AAAAAAAAAAAAAAAAAAA${String(at).padStart(2, '0')}A`)).toBeUndefined();
  }
  expect(walks).toBe(1);
});
