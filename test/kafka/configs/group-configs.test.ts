import { expect, test } from 'vitest';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { batchOf } from '../../support/broker.ts';
import { gatewayWorld } from '../support/gateway-world.ts';
import { ackOf, ShareMember } from '../support/share-member.ts';

const GROUP = 32;
const SET = 0;
const DELETE = 1;
const INVALID_CONFIG = 40;
const ACCEPT = 1;
const RELEASE = 2;

async function world() {
  const made = await gatewayWorld();
  const client = await made.connect();
  const alter = async (name: string, value: string | null, configOperation = SET) => {
    const configs = [{ name, configOperation, value }];
    const resources = [{ resourceType: GROUP, resourceName: 'g', configs }];
    const answer = await client.request('IncrementalAlterConfigs', 1, { resources, validateOnly: false });
    return answer.responses[0]?.errorCode;
  };
  const valueOf = async (wanted: string) => {
    const resources = [{ resourceType: GROUP, resourceName: 'g', configurationKeys: [wanted] }];
    const answer = await client.request('DescribeConfigs', 4, {
      resources,
      includeSynonyms: false,
      includeDocumentation: false,
    });
    return answer.results[0]?.configs.map(({ value, configSource }) => [value, configSource]);
  };
  return { ...made, client, alter, valueOf };
}

test('are described with their defaults, set, and reset', async () => {
  const { alter, valueOf } = await world();
  expect(await valueOf('share.record.lock.duration.ms')).toEqual([['30000', 5]]);
  expect(await alter('share.record.lock.duration.ms', '15000')).toBe(0);
  expect(await valueOf('share.record.lock.duration.ms')).toEqual([['15000', 8]]);
  expect(await alter('share.record.lock.duration.ms', null, DELETE)).toBe(0);
  expect(await valueOf('share.record.lock.duration.ms')).toEqual([['30000', 5]]);
});

test.each([
  ['share.record.lock.duration.ms', '1000'],
  ['share.record.lock.duration.ms', 'soon'],
  ['share.auto.offset.reset', 'somewhere'],
  ['share.auto.offset.reset', 'by_duration:-PT1H'],
  ['share.isolation.level', 'serializable'],
  ['share.session.timeout.ms', '70000'],
  ['share.delivery.count.limit', '1'],
  ['share.delivery.count.limit', '11'],
  ['share.partition.max.record.locks', '99'],
  ['share.partition.max.record.locks', '4001'],
  ['share.nothing', '1'],
])('are refused where %s is %s', async (name, value) => {
  const { alter } = await world();
  expect(await alter(name, value)).toBe(INVALID_CONFIG);
});

test('say where a group begins', async () => {
  const { broker, client, alter } = await world();
  const { topicId } = await createTopic(broker, { name: 't', partitions: 2 });
  for (const partition of [0, 1])
    await produceBatches(broker, { topic: 't', partition, batches: batchOf('x'), acks: 'all' });
  const member = new ShareMember(client, { memberId: 'a', topicId });
  expect(await alter('share.auto.offset.reset', 'earliest')).toBe(0);
  expect((await member.fetch({ partitions: [0] })).partitions).toMatchObject([{ values: ['x'] }]);
  expect(await alter('share.auto.offset.reset', 'by_duration:P9000DT1H')).toBe(0);
  expect((await member.fetch({ partitions: [1] })).partitions).toMatchObject([{ values: ['x'] }]);
});

/** A member that has begun at the end of an empty partition. */
async function sharing() {
  const made = await world();
  const { topicId } = await createTopic(made.broker, { name: 't', partitions: 1 });
  const member = new ShareMember(made.client, { memberId: 'a', topicId });
  await member.fetch({ partitions: [0] });
  const produce = (...values: string[]) =>
    produceBatches(made.broker, { topic: 't', partition: 0, batches: batchOf(...values), acks: 'all' });
  return { ...made, member, produce };
}

test('say how often a record is delivered', async () => {
  const { alter, member, produce } = await sharing();
  expect(await alter('share.delivery.count.limit', '2')).toBe(0);
  await produce('x');
  for (const time of [1, 2]) {
    expect((await member.fetch()).partitions).toMatchObject([{ values: ['x'], deliveries: [time] }]);
    await member.acknowledge({ 0: ackOf(0, 0, RELEASE) });
  }
  await produce('y');
  expect((await member.fetch()).partitions).toMatchObject([{ values: ['y'], deliveries: [1] }]);
});

test('give a record that was delivered more often than allowed by now once more, and then no more', async () => {
  const { alter, member, produce } = await sharing();
  await produce('x');
  const deliver = async (time: number) => {
    expect((await member.fetch()).partitions).toMatchObject([{ values: ['x'], deliveries: [time] }]);
    await member.acknowledge({ 0: ackOf(0, 0, RELEASE) });
  };
  for (const time of [1, 2, 3]) await deliver(time);
  expect(await alter('share.delivery.count.limit', '2')).toBe(0);
  await deliver(4);
  expect((await member.fetch()).partitions).toEqual([]);
});

test('say how many records of a partition are in flight', async () => {
  const { alter, member, produce } = await sharing();
  expect(await alter('share.partition.max.record.locks', '100')).toBe(0);
  await produce(...Array.from({ length: 100 }, (_, at) => `${at}`));
  await produce('more');
  expect((await member.fetch()).partitions[0]?.offsets).toHaveLength(100);
  expect((await member.fetch()).partitions).toEqual([]);
  await member.acknowledge({ 0: ackOf(0, 99, ACCEPT) });
  expect((await member.fetch()).partitions).toMatchObject([{ values: ['more'] }]);
});
