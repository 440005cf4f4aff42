/**
 * Partitions are numbers of 32 bits with a sign in Kafka's protocol: those below 0 are as unknown as those beyond the
 * last one.
 */
import { expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { batchOf } from '../../support/broker.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

const UNKNOWN = 3;

it.each([-1, -16, -1_328_905_917])('a partition %i is unknown', async (partition) => {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 20 });
  const client = await connect();
  const produced = await client.request('Produce', 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ name: 't', partitionData: [{ index: partition, records: batchOf('a') }] }],
  });
  expect(produced.responses[0]?.partitionResponses[0]?.errorCode).toBe(UNKNOWN);
  const fetched = await client.request('Fetch', 12, {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [{ topic: 't', partitions: [{ partition, fetchOffset: 0n, partitionMaxBytes: 1_000 }] }],
  });
  expect(fetched.responses[0]?.partitions[0]?.errorCode).toBe(UNKNOWN);
  const listed = await client.request('ListOffsets', 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: 't', partitions: [{ partitionIndex: partition, timestamp: -1n }] }],
  });
  expect(listed.topics[0]?.partitions[0]?.errorCode).toBe(UNKNOWN);
  const deleted = await client.request('DeleteRecords', 2, {
    timeoutMs: 1_000,
    topics: [{ name: 't', partitions: [{ partitionIndex: partition, offset: 0n }] }],
  });
  expect(deleted.topics[0]?.partitions[0]?.errorCode).toBe(UNKNOWN);
  const committed = await client.request('OffsetCommit', 8, {
    groupId: 'g',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    topics: [{ name: 't', partitions: [{ partitionIndex: partition, committedOffset: 1n, committedMetadata: '' }] }],
  });
  expect(committed.topics[0]?.partitions[0]?.errorCode).toBe(UNKNOWN);
  const altered = await client.request('AlterShareGroupOffsets', 0, {
    groupId: 's',
    topics: [{ topicName: 't', partitions: [{ partitionIndex: partition, startOffset: 1n }] }],
  });
  expect(altered.responses[0]?.partitions[0]?.errorCode).toBe(UNKNOWN);
});
