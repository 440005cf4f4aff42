import { describe, expect, it } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { deleteRecords } from '../../../lib/broker/lifecycle/delete-records.ts';
import { type CreateTopicRequest, createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { batchOf, record } from '../../support/broker.ts';
import { type GatewayWorld, gatewayWorld, memoryBroker } from '../support/gateway-world.ts';
import type { KafkaTestClient } from '../support/kafka-test-client.ts';

async function world(config: CreateTopicRequest['config'] = {}) {
  const made = await gatewayWorld();
  await createTopic(made.broker, { name: 't', partitions: 2, config });
  return made;
}

const request = (records: Uint8Array | null, { acks = -1, index = 0, name = 't' }: Options = {}) => ({
  transactionalId: null,
  acks,
  timeoutMs: 1_000,
  topicData: [{ name, partitionData: [{ index, records }] }],
});

interface Options {
  version?: number;
  acks?: number;
  index?: number;
  name?: string;
}

async function produce(client: KafkaTestClient, records: Uint8Array | null, options: Options = {}) {
  const { version = 12 } = options;
  const { responses } = await client.request('Produce', version, request(records as Uint8Array, options));
  return responses[0]?.partitionResponses[0];
}

const fresh = (timestamp: number, fields = {}) => encodeBatch([record('a', { timestamp, ...fields })]);

describe('what is answered', () => {
  it('is the first offset and the log start', async () => {
    const { connect, broker } = await world();
    const client = await connect();
    expect(await produce(client, batchOf('a', 'b'))).toMatchObject({
      errorCode: 0,
      baseOffset: 0n,
      logAppendTimeMs: -1n,
      logStartOffset: 0n,
    });
    await deleteRecords(broker, { topic: 't', partitions: [{ partition: 0, before: { at: 'offset', offset: 1 } }] });
    expect(await produce(client, batchOf('c'))).toMatchObject({ baseOffset: 2n, logStartOffset: 1n });
  });

  it('is the time of the append, where the topic wants it', async () => {
    const { connect, broker } = await world({ 'message.timestamp.type': 'LogAppendTime' });
    const before = broker.clock.now();
    const answer = await produce(await connect(), fresh(1_000));
    expect(Number(answer?.logAppendTimeMs)).toBeGreaterThanOrEqual(before);
    expect(Number(answer?.logAppendTimeMs)).toBeLessThanOrEqual(broker.clock.now());
  });
});

describe('records that are refused', () => {
  const corrupt = batchOf('a');
  corrupt[corrupt.length - 1] = 0x55;
  const control = batchOf('a');

  it.each([
    ['a topic that is not there', () => batchOf('a'), { name: 'nope' }, 3],
    ['a partition that is not there', () => batchOf('a'), { index: 2 }, 3],
    ['no records', () => null, {}, 87],
    ['an empty list of records', () => new Uint8Array(), {}, 87],
    ['a wrong checksum', () => corrupt, {}, 2],
    ['a batch that is cut off', () => batchOf('a').subarray(0, 50), {}, 2],
    ['bytes that are no batch', () => new Uint8Array(100).fill(7), {}, 2],
    ['zstd before version 7', () => zstd(), { version: 6 }, 76],
    ['an unknown number of acks', () => control, { acks: 2 }, 21],
    ['more than the topic takes', () => batchOf('x'.repeat(1_100_000)), {}, 10],
  ] as [string, () => Uint8Array | null, Options, number][])(
    'are those with %s',
    async (_what, records, options, errorCode) => {
      const { connect } = await world();
      const client = await connect();
      expect(await produce(client, records(), options)).toMatchObject({ errorCode, baseOffset: -1n, recordErrors: [] });
      // The connection goes on.
      expect(await produce(client, batchOf('a'))).toMatchObject({ errorCode: 0, baseOffset: 0n });
    },
  );

  it('are said to be which ones', async () => {
    const { connect, broker } = await world({ 'message.timestamp.after.max.ms': '1000' });
    const nowMs = broker.clock.now();
    const batch = encodeBatch([record('a', { timestamp: nowMs }), record('b', { timestamp: nowMs + 1_000_000 })]);
    const answer = await produce(await connect(), batch);
    expect(answer).toMatchObject({ errorCode: 32, recordErrors: [{ batchIndex: 1 }] });
    expect(answer?.errorMessage).toContain('record 1 of 2');
  });

  it('are those without a key of a compacted topic', async () => {
    const { connect } = await world({ 'cleanup.policy': 'compact' });
    const answer = await produce(await connect(), batchOf('a'));
    expect(answer).toMatchObject({ errorCode: 87, recordErrors: [{ batchIndex: 0 }] });
  });

  it('are all named, those that the topic would have taken not', async () => {
    const { connect } = await world({ 'cleanup.policy': 'compact' });
    const client = await connect();
    const keyed = record('a', { key: utf8('k') });
    const answer = await produce(client, encodeBatch([record('a'), keyed, keyed, record('b'), keyed]));
    expect(answer).toMatchObject({ errorCode: 87, baseOffset: -1n });
    expect(answer?.recordErrors).toMatchObject([
      { batchIndex: 0, batchIndexErrorMessage: expect.stringContaining('record 0 of 5') as string },
      { batchIndex: 3, batchIndexErrorMessage: expect.stringContaining('record 3 of 5') as string },
    ]);
    expect(await produce(client, encodeBatch([keyed]))).toMatchObject({ errorCode: 0, baseOffset: 0n });
  });

  it('are those that inflate to more than is taken', async () => {
    const { connect } = await world();
    const bomb = encodeBatch([record('\0'.repeat(40_000_000))], {
      compressionType: 'zstd',
      compression: nodeCompression,
    });
    expect(bomb.length).toBeLessThan(100_000);
    const answer = await produce(await connect(), bomb);
    expect([2, 10]).toContain(answer?.errorCode);
  });

  it('are those of an idempotent producer out of their order', async () => {
    const { connect } = await world();
    const client = await connect();
    const of = (baseSequence: number, producerEpoch = 0) =>
      encodeBatch([record('a')], { producerId: 7n, producerEpoch, baseSequence });
    expect(await produce(client, of(0))).toMatchObject({ errorCode: 0, baseOffset: 0n });
    expect(await produce(client, of(0))).toMatchObject({ errorCode: 0, baseOffset: 0n });
    expect(await produce(client, of(1, 1))).toMatchObject({ errorCode: 45 });
    expect(await produce(client, of(0, 1))).toMatchObject({ errorCode: 0, baseOffset: 1n });
    expect(await produce(client, of(1, 0))).toMatchObject({ errorCode: 47 });
  });
});

function zstd(): Uint8Array {
  return encodeBatch([record('a')], { compressionType: 'zstd', compression: nodeCompression });
}

describe('acks=0', () => {
  const send = (client: KafkaTestClient, records: Uint8Array, options: Options = {}) =>
    client.send('Produce', 9, request(records, { acks: 0, ...options }));

  it('is not answered, and what follows is', async () => {
    const { connect } = await world();
    const client = await connect();
    send(client, batchOf('a'));
    expect(await produce(client, batchOf('b'))).toMatchObject({ errorCode: 0, baseOffset: 1n });
  });

  it('has the connection closed where the records are refused', async () => {
    const made: GatewayWorld = await world();
    const client = await made.connect();
    send(client, batchOf('a'), { name: 'nope' });
    await client.closed;
    expect(made.logged.map(({ level }) => level)).toEqual(['info']);
  });
});

describe('the memory of a request', () => {
  it('goes when the last of its records leave the cache, and takes nothing with it that is still read', async () => {
    // Of two partitions' records one has room.
    const broker = memoryBroker(systemClock, { cacheBytes: 3_000 });
    const { connect } = await gatewayWorld({ broker });
    await createTopic(broker, { name: 't', partitions: 2 });
    const client = await connect();
    const value = (round: number, index: number) => `${round}-${index}`.repeat(300);
    for (let round = 0; round < 5; round++) {
      const partitionData = [0, 1].map((index) => ({ index, records: batchOf(value(round, index)) }));
      const topicData = [{ name: 't', partitionData }];
      const { responses } = await client.request('Produce', 12, { ...request(null), topicData });
      const answers = [0, 1].map((index) => ({ index, errorCode: 0, baseOffset: BigInt(round) }));
      expect(responses[0]?.partitionResponses).toMatchObject(answers);
    }
    for (const partition of [0, 1]) {
      const position = { at: 'earliest' } as const;
      const wanted = { topic: 't', partition, position, maxBytes: 1_000_000, maxRecords: 10, minBytes: 1, waitMs: 0 };
      const { records } = await fetchRecords(broker, wanted);
      const expected = Array.from({ length: 5 }, (_, round) => utf8(value(round, partition)));
      expect(records.map((each) => each.value)).toEqual(expected);
    }
  });
});

describe('more partitions than are written at a time', () => {
  it('are all written, each answered in its place, and those of one partition in their order', async () => {
    const made = await gatewayWorld();
    await createTopic(made.broker, { name: 'wide', partitions: 600 });
    const client = await made.connect();
    const one = batchOf('x');
    const wanted = Array.from({ length: 1_200 }, (_, at) => (at < 600 ? at : at === 700 ? 9_999 : 0));
    const { responses } = await client.request('Produce', 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [
        { name: 'wide', partitionData: wanted.slice(0, 601).map((index) => ({ index, records: one })) },
        { name: 'wide', partitionData: wanted.slice(601).map((index) => ({ index, records: one })) },
      ],
    });
    expect(responses.map(({ partitionResponses }) => partitionResponses.length)).toEqual([601, 599]);
    const told = responses.flatMap(({ partitionResponses }) => partitionResponses);
    expect(told.map(({ index }) => index)).toEqual(wanted);
    expect(told.flatMap(({ errorCode }, at) => (errorCode === 0 ? [] : [[at, errorCode]]))).toEqual([[700, 3]]);
    const ofFirst = told.flatMap(({ index, baseOffset, errorCode }) =>
      index === 0 && errorCode === 0 ? [baseOffset] : [],
    );
    expect(ofFirst).toEqual(Array.from({ length: 600 }, (_, at) => BigInt(at)));
  });
});
