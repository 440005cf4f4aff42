import { expect, test } from 'vitest';
import { gatewayWorld } from '../support/gateway-world.ts';
import { codes, commitOf, join, makeTopic } from '../support/group-requests.ts';
import type { KafkaTestClient } from '../support/kafka-test-client.ts';

async function offsets(client: KafkaTestClient) {
  const { groups } = await client.request('OffsetFetch', 8, { groups: [{ groupId: 'g', topics: null }] });
  return groups[0]?.topics.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex));
}

const deletion = (...partitions: number[]) => ({
  groupId: 'g',
  topics: [
    { name: 't', partitions: partitions.map((partitionIndex) => ({ partitionIndex })) },
    { name: 'none', partitions: [{ partitionIndex: 0 }] },
  ],
});

test('deletes the partitions that are named, and leaves the others', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 20);
  for (const partition of [0, 1, 17]) await client.request('OffsetCommit', 8, commitOf('g', { partition }));
  const answer = await client.request('OffsetDelete', 0, deletion(0, 17));
  expect(answer.errorCode).toBe(codes.none);
  expect(answer.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([
    [codes.none, codes.none],
    [codes.unknownTopicOrPartition],
  ]);
  expect(await offsets(client)).toEqual([1]);
});

test('leaves what consumers that assign their partitions are subscribed to, and deletes the rest', async () => {
  const { broker, connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't');
  await makeTopic(broker, 'none');
  for (const topic of ['t', 'none']) await client.request('OffsetCommit', 8, commitOf('g', { topic }));
  // Version 1 of a subscription to `t`, without user data.
  const metadata = Uint8Array.from([0, 1, 0, 0, 0, 1, 0, 1, 0x74, 255, 255, 255, 255, 0, 0, 0, 0]);
  const joined = await join(client, { group: 'g', metadata });
  const answer = await client.request('OffsetDelete', 0, deletion(0));
  expect(answer.topics).toMatchObject([
    { name: 't', partitions: [{ errorCode: codes.groupSubscribedToTopic }] },
    { name: 'none', partitions: [{ errorCode: codes.none }] },
  ]);
  expect(await offsets(client)).toEqual([0]);
  await client.request('LeaveGroup', 2, { groupId: 'g', memberId: joined.memberId });
  const { topics } = await client.request('OffsetDelete', 0, deletion(0));
  expect(topics[0]).toMatchObject({ name: 't', partitions: [{ errorCode: codes.none }] });
  expect(await offsets(client)).toEqual([]);
});

test('takes a topic for subscribed to where consumers do not say what they are subscribed to', async () => {
  const { broker, connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't');
  await client.request('OffsetCommit', 8, commitOf('g'));
  await join(client, { group: 'g' });
  const { topics } = await client.request('OffsetDelete', 0, deletion(0));
  expect(topics[0]).toMatchObject({ partitions: [{ errorCode: codes.groupSubscribedToTopic }] });
  expect(await offsets(client)).toEqual([0]);
});

test('refuses a group that is not there, and one whose members are no consumers', async () => {
  const { broker, connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't');
  expect((await client.request('OffsetDelete', 0, deletion(0))).errorCode).toBe(codes.groupIdNotFound);
  await client.request('OffsetCommit', 8, commitOf('g'));
  await join(client, { group: 'g', protocolType: 'connect' });
  expect((await client.request('OffsetDelete', 0, deletion(0))).errorCode).toBe(codes.nonEmptyGroup);
  expect(await offsets(client)).toEqual([0]);
});
