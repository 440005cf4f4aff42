import { describe, expect, it } from 'vitest';
import { deleteRecords } from '../../../lib/broker/lifecycle/delete-records.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import { batchOf } from '../../support/broker.ts';
import { type GatewayWorld, gatewayWorld } from '../support/gateway-world.ts';
import type { KafkaTestClient, RequestBody } from '../support/kafka-test-client.ts';

type Partition = NonNullable<RequestBody<'Fetch'>['topics'][number]['partitions']>[number];

async function world(...values: string[]) {
  const made = await gatewayWorld();
  await createTopic(made.broker, { name: 't', partitions: 2 });
  for (const value of values) await produce(made, value);
  return { ...made, client: await made.connect() };
}

function produce({ broker }: GatewayWorld, value: string) {
  return produceBatches(broker, { topic: 't', partition: 0, batches: batchOf(value), acks: 'all' });
}

interface Options extends Partial<Partition> {
  version?: number;
  topic?: string;
}

async function fetch(client: KafkaTestClient, options: Options = {}, request: Partial<RequestBody<'Fetch'>> = {}) {
  const { version = 12, topic = 't', ...partition } = options;
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000, ...partition }];
  const body = { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }], ...request };
  const answer = await client.request('Fetch', version, body);
  return { ...answer, first: answer.responses[0]?.partitions[0] };
}

const offsets = (records: unknown) =>
  Array.from(batchHeaders(concatBytes([records as Uint8Array])), ({ baseOffset }) => baseOffset);

describe('a partition', () => {
  it('is read from an offset on, in whole batches', async () => {
    const { client } = await world('a', 'b', 'c');
    const { first } = await fetch(client, { fetchOffset: 1n });
    expect(first).toMatchObject({ errorCode: 0, highWatermark: 3n, lastStableOffset: 3n, logStartOffset: 0n });
    expect(offsets(first?.records)).toEqual([1, 2]);
  });

  it.each([4, 7, 11, 12])('gives a batch that is larger than is asked for, in version %i', async (version) => {
    const { client } = await world('a', 'b');
    const { first } = await fetch(client, { version, partitionMaxBytes: 1 }, { maxBytes: 1 });
    expect(offsets(first?.records)).toEqual([0]);
  });

  it.each([
    ['beyond the end', { fetchOffset: 3n }, 1],
    ['below the log start', { fetchOffset: 0n }, 1],
    ['that no log has', { fetchOffset: -5n }, 1],
    ['of 64 bits', { fetchOffset: 2n ** 62n }, 1],
    ['of a partition that is not there', { partition: 9 }, 3],
    ['of a topic that is not there', { topic: 'nope' }, 3],
    ['with a leader epoch of the future', { fetchOffset: 1n, currentLeaderEpoch: 9 }, 75],
  ] as [string, Options, number][])('is refused at an offset %s', async (_what, options, errorCode) => {
    const { client, broker } = await world('a', 'b');
    await deleteRecords(broker, { topic: 't', partitions: [{ partition: 0, before: { at: 'offset', offset: 1 } }] });
    const { first } = await fetch(client, options, { maxWaitMs: 60_000, minBytes: 1_000_000 });
    expect(first).toMatchObject({ errorCode });
  });

  it('is waited for, and answered as soon as there is something', async () => {
    const made = await world();
    const waiting = fetch(made.client, {}, { maxWaitMs: 60_000 });
    await produce(made, 'a');
    expect(offsets((await waiting).first?.records)).toEqual([0]);
  });

  it('is not waited for where no bytes are wanted', async () => {
    const { client } = await world();
    expect((await fetch(client, {}, { maxWaitMs: 60_000, minBytes: 0 })).first).toMatchObject({ errorCode: 0 });
  });
});

it('declines sessions, and says so to who goes on with one', async () => {
  const { client } = await world('a');
  expect(await fetch(client, {}, { sessionEpoch: 0 })).toMatchObject({ errorCode: 0, sessionId: 0 });
  expect(await fetch(client, {}, { sessionId: 7, sessionEpoch: 3 })).toMatchObject({ errorCode: 70, responses: [] });
});

it('finds topics by their ids, and says which one there is not', async () => {
  const { client, broker } = await world('a');
  const { topicId } = await broker.topics.get('t');
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000 }];
  const topics = [
    { topicId, partitions },
    { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions },
  ];
  const { responses } = await client.request('Fetch', 17, { maxWaitMs: 0, minBytes: 1, topics });
  expect(responses.map(({ partitions: [found] }) => found?.errorCode)).toEqual([0, 100]);
});
