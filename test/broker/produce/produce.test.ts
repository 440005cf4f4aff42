import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import {
  type ProduceRecord,
  type ProduceRecordsRequest,
  produceRecords,
  type RecordOutcome,
} from '../../../lib/broker/produce/produce.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { partitionForKey } from '../../../lib/coordination/producers/partitioner.ts';
import { concatBytes, utf8, utf8Text } from '../../../lib/kernel/bytes.ts';
import type { MillraceError } from '../../../lib/kernel/errors.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';
import { type EncodeOptions, encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import type { LogRecord } from '../../../lib/log/record-batch/record.ts';
import {
  batchOf,
  lost,
  makeBroker,
  makeStores,
  makeTopic,
  type Process,
  record,
  settled,
} from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';

const value = (text: string, fields: Partial<ProduceRecord> = {}): ProduceRecord => ({
  key: null,
  value: utf8(text),
  headers: [],
  ...fields,
});

function produce({ broker }: Process, records: ProduceRecord[], request: Partial<ProduceRecordsRequest> = {}) {
  return produceRecords(broker, { topic: 't', records, acks: 'all', ...request });
}

async function readAll({ broker }: Process, partition = 0, topic = 't'): Promise<LogRecord[]> {
  const position = { at: 'earliest' as const };
  const bounds = {
    maxBytes: requestLimits.fetchBytesMax,
    maxRecords: requestLimits.fetchRecordsMax,
    minBytes: 1,
    waitMs: 0,
  };
  return (await fetchRecords(broker, { topic, partition, position, ...bounds })).records;
}

const texts = (records: readonly LogRecord[]) => records.map((one) => utf8Text(one.value as Uint8Array));

/** What became of a record, in short: its offset, or its error's code. */
const short = (outcome: RecordOutcome) => {
  if (outcome.outcome === 'written') return outcome.offset;
  return outcome.outcome === 'failed' ? outcome.error.code : outcome.outcome;
};

describe('produceRecords', () => {
  it('answers in request order with partition, offset and timestamp, and everything is read back there', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 });
    const one = fc.record({
      partition: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
      timestamp: fc.option(fc.integer({ min: 1_600_000_000_000, max: 1_767_000_000_000 }), { nil: undefined }),
      key: fc.option(fc.uint8Array({ maxLength: 10 })),
      value: fc.option(text.map(utf8)),
      headers: fc.array(fc.record({ key: text, value: fc.option(fc.uint8Array({ maxLength: 5 })) }), { maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(one, { minLength: 1, maxLength: 10 }), { maxLength: 4 }), async (requests) => {
        const process = await makeTopic({ partitions: 4 });
        const expected: LogRecord[][] = [[], [], [], []];
        const answers = await Promise.all(requests.map((records) => produce(process, records)));
        for (const [index, outcomes] of answers.entries()) {
          for (const [order, outcome] of outcomes.entries()) {
            const given = requests[index]?.[order] as ProduceRecord;
            expect(outcome).toMatchObject({ outcome: 'written', timestamp: given.timestamp ?? process.clock.now() });
            const { partition, offset, timestamp } = outcome as Extract<RecordOutcome, { outcome: 'written' }>;
            expect(partition).toBe(given.partition ?? (given.key ? partitionForKey(given.key, 4) : partition));
            (expected[partition] as LogRecord[])[offset] = {
              offset,
              timestamp,
              key: given.key,
              value: given.value,
              headers: given.headers,
            };
          }
        }
        for (const partition of [0, 1, 2, 3]) expect(await readAll(process, partition)).toEqual(expected[partition]);
      }),
      { numRuns: 40 },
    );
  });

  it('sends the keyless records of a request to one partition, and requests to different ones', async () => {
    const process = await makeTopic({ partitions: 8 });
    const used = new Set<number | undefined>();
    for (let i = 0; i < 30; i++) {
      const outcomes = await produce(process, [value('a'), value('b'), value('c')]);
      expect(new Set(outcomes.map(({ partition }) => partition)).size).toBe(1);
      used.add(outcomes[0]?.partition);
    }
    expect(used.size).toBeGreaterThan(4);
  });

  it("keeps a tenant's records together where the topic says so, and refuses those without tenant", async () => {
    const config = { partitioner: 'tenant', 'partitioner.tenant.header': 'tenant' };
    const process = await makeTopic({ partitions: 8, config });
    const of = (tenant: string, key: string) =>
      value('v', { key: utf8(key), headers: [{ key: 'tenant', value: utf8(tenant) }] });
    const outcomes = await produce(process, [
      of('acme', 'a'),
      of('acme', 'b'),
      value('v'),
      value('v', { partition: 3 }),
    ]);
    const acme = partitionForKey(utf8('acme'), 8);
    expect(outcomes.map((outcome) => [outcome.partition, short(outcome)])).toEqual([
      [acme, 0],
      [acme, 1],
      [undefined, 'INVALID_RECORD'],
      [3, acme === 3 ? 2 : 0],
    ]);
  });

  it('stores a request to 16 partitions as one object, with one update of the head and no read', async () => {
    const process = await makeTopic({ partitions: 16 });
    const records = Array.from({ length: 64 }, (_, i) => value(`${i}`, { partition: i % 16 }));
    await produce(process, records);
    process.objects.forget();
    process.metadata.forget();
    expect((await produce(process, records)).map(short)).toEqual(records.map((_, i) => 4 + Math.floor(i / 16)));
    expect(process.objects.calls.map((call) => call.split(' ')[0])).toEqual(['put']);
    expect(process.metadata.calls).toEqual(['write head']);
  });

  it('lets a record fail alone, for its own reason', async () => {
    const process = await makeTopic({ partitions: 2, config: { 'max.message.bytes': 1_000 } });
    const now = process.clock.now();
    const outcomes = await produce(process, [
      value('fine', { partition: 0 }),
      value('nowhere', { partition: 2 }),
      value('x'.repeat(1_000), { partition: 0 }),
      value('too late', { partition: 0, timestamp: now + 3_600_001 }),
      value('negative', { partition: 0, timestamp: -1 }),
      value('fine too', { partition: 0, timestamp: now + 3_600_000 }),
    ]);
    expect(outcomes.map(short)).toEqual([
      0,
      'UNKNOWN_TOPIC_OR_PARTITION',
      'MESSAGE_TOO_LARGE',
      'INVALID_TIMESTAMP',
      'INVALID_TIMESTAMP',
      1,
    ]);
    expect(texts(await readAll(process))).toEqual(['fine', 'fine too']);
  });

  it('lets a partition fail alone', async () => {
    const process = await makeTopic({ partitions: 2, config: { 'ledger.partitions': 1 } });
    await produce(process, [value('a', { partition: 0 }), value('b', { partition: 1 })]);
    process.metadata.onWrite = (proceed, [write]) =>
      write?.key.pk.endsWith('#1') ? Promise.reject(lost()) : proceed();
    const outcomes = produce(process, [value('c', { partition: 1 }), value('d', { partition: 0 })]);
    await process.clock.until(outcomes);
    expect((await outcomes).map(short)).toEqual(['REQUEST_TIMED_OUT', 1]);
    expect((await outcomes)[0]).toMatchObject({ error: { effect: 'unknown' } });
  });

  it('refuses records without key in a compacted topic', async () => {
    const process = await makeTopic({ config: { 'cleanup.policy': 'compact' } });
    const outcomes = await produce(process, [value('a'), value('b', { key: utf8('k') })]);
    expect(outcomes.map(short)).toEqual(['INVALID_RECORD', 0]);
  });

  it('stamps the time of the append where the topic says so', async () => {
    const process = await makeTopic({ config: { 'message.timestamp.type': 'LogAppendTime' } });
    const now = process.clock.now();
    const [outcome] = await produce(process, [value('a', { timestamp: 5 })]);
    expect(outcome).toMatchObject({ timestamp: now });
    expect((await readAll(process))[0]?.timestamp).toBe(now);
  });

  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('compresses as the topic says: %s', async (compression) => {
    const process = await makeTopic({ config: { 'compression.type': compression } });
    await produce(process, [value('a'.repeat(5_000)), value('b')]);
    expect((await readAll(process)).map((one) => one.value?.length)).toEqual([5_000, 1]);
    const stored = process.objects.calls.find((call) => call.startsWith('put')) ?? '';
    expect(Number(stored.split(' ')[2])).toBeLessThan(1_000);
  });

  it('makes batches that max.message.bytes allows, and keeps their records together', async () => {
    const process = await makeTopic({ config: { 'max.message.bytes': 2_000 } });
    const outcomes = await produce(
      process,
      Array.from({ length: 20 }, (_, i) => value(`${i}`.padStart(500, '.'))),
    );
    expect(outcomes.map(short)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(await readAll(process)).toHaveLength(20);
    expect(process.metadata.count('write')).toBe(1);
  });

  it('takes a partition that another process added', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores });
    await alterTopic(makeBroker({ stores }).broker, 't', { partitions: 2 });
    expect((await produce(process, [value('a', { partition: 1 })])).map(short)).toEqual([0]);
    const written = await produceBatches(makeBroker({ stores }).broker, {
      topic: 't',
      partition: 1,
      batches: batchOf('b'),
      acks: 'all',
    });
    expect(written.baseOffset).toBe(1);
  });

  it('refuses a topic that is not there', async () => {
    const process = makeBroker();
    await expect(produce(process, [value('a')])).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });
});

describe('an expected offset', () => {
  it('is for all records together, all of which must name one partition', async () => {
    const process = await makeTopic({ partitions: 2 });
    const at = (partition: number) => value('v', { partition });
    expect((await produce(process, [at(0), at(0)], { expectedOffset: 0 })).map(short)).toEqual([0, 1]);
    const again = await produce(process, [at(0), at(0)], { expectedOffset: 1 });
    expect(again.map(short)).toEqual(['OFFSET_MISMATCH', 'OFFSET_MISMATCH']);
    expect(again[0]).toMatchObject({ error: { facts: { nextOffset: 2 }, effect: 'none' } });
    for (const records of [[at(0), at(1)], [value('v')], [value('v', { key: utf8('k') })]]) {
      await expect(produce(process, records, { expectedOffset: 2 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    }
    const tooLate = value('v', { partition: 0, timestamp: Number.MAX_SAFE_INTEGER });
    await expect(produce(process, [at(0), tooLate], { expectedOffset: 2 })).rejects.toMatchObject({
      code: 'INVALID_TIMESTAMP',
    });
    expect(await readAll(process)).toHaveLength(2);
  });
});

describe('acks', () => {
  it('none answers before anything is stored; what is lost then is logged', async () => {
    const process = await makeTopic();
    const gate = Promise.withResolvers<void>();
    process.objects.onPut = async (proceed) => {
      await gate.promise;
      await proceed();
    };
    expect((await produce(process, [value('a')], { acks: 'none' })).map(short)).toEqual(['accepted']);
    const batches = { topic: 't', partition: 0, batches: batchOf('b', 'c'), acks: 'none' as const };
    expect(await produceBatches(process.broker, batches)).toEqual({
      partition: 0,
      recordCount: 2,
      duplicate: false,
    });
    await idle();
    gate.resolve();
    await settled(process.broker);
    expect(texts(await readAll(process))).toEqual(['a', 'b', 'c']);
    expect(process.logged).toEqual([]);

    process.objects.onPut = () => Promise.reject(new Error('no'));
    expect((await produce(process, [value('d')], { acks: 'none' })).map(short)).toEqual(['accepted']);
    await settled(process.broker);
    expect(process.logged.map(({ message }) => message)).toEqual(['Records sent with acks=none were lost']);
  });

  it.each(['all', 'leader'] as const)('%s answers when the records can be read', async (acks) => {
    const stores = makeStores();
    const process = await makeTopic({ stores });
    await produce(process, [value('a')], { acks });
    expect(texts(await readAll(makeBroker({ stores })))).toEqual(['a']);
  });
});

describe('produceBatches', () => {
  it('stores whole batches as they are, and answers with the first offset', async () => {
    const process = await makeTopic();
    const request = { topic: 't', partition: 0, acks: 'all' as const };
    expect(await produceBatches(process.broker, { ...request, batches: batchOf('a', 'b') })).toEqual({
      partition: 0,
      baseOffset: 0,
      recordCount: 2,
      duplicate: false,
      logStartOffset: 0,
    });
    const compressed = encodeBatch([record('c')], { compressionType: 'zstd', compression: nodeCompression });
    expect(await produceBatches(process.broker, { ...request, batches: compressed })).toMatchObject({ baseOffset: 2 });
    expect([...batchHeaders(compressed)][0]?.compression).toBe('zstd');
    expect(texts(await readAll(process))).toEqual(['a', 'b', 'c']);
  });

  it('refuses an expected offset, a partition and a topic that are wrong, and damage', async () => {
    const process = await makeTopic();
    const request = { topic: 't', partition: 0, batches: batchOf('a'), acks: 'all' as const };
    const attempt = (change: Partial<typeof request & { expectedOffset: number }>) =>
      produceBatches(process.broker, { ...request, ...change }).catch((error: MillraceError) => error.code);
    expect(await attempt({ partition: 1 })).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await attempt({ topic: 'u' })).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await attempt({ batches: new Uint8Array(70) })).toBe('UNSUPPORTED_FOR_MESSAGE_FORMAT');
    expect(await attempt({ batches: new Uint8Array(0) })).toBe('INVALID_RECORD');
    expect(process.objects.count('put')).toBe(0);
    expect(await attempt({ expectedOffset: 3 })).toBe('OFFSET_MISMATCH');
    expect(await readAll(process)).toEqual([]);
  });

  const sequenced = (baseSequence: number, values: string[], options: EncodeOptions = {}) =>
    encodeBatch(
      values.map((text) => record(text)),
      { producerId: 7n, producerEpoch: 0, baseSequence, ...options },
    );

  it('writes batches that carry a producer id once, whoever repeats them', async () => {
    const process = await makeTopic();
    const request = { topic: 't', partition: 0, acks: 'all' as const, principal: 'a' };
    const two = () => concatBytes([sequenced(0, ['a', 'b']), sequenced(2, ['c'])]);
    const written = { partition: 0, baseOffset: 0, recordCount: 3, logStartOffset: 0 };
    const send = (batches: Uint8Array, principal = 'a') =>
      produceBatches(process.broker, { ...request, batches, principal });
    expect(await send(two())).toEqual({ ...written, duplicate: false });
    expect(await send(two())).toEqual({ ...written, duplicate: true });
    expect(await send(sequenced(3, ['d']))).toMatchObject({ baseOffset: 3, duplicate: false });
    // Another principal's producer of the same number is another one.
    expect(await send(two(), 'b')).toMatchObject({ baseOffset: 4, duplicate: false });
    await expect(send(sequenced(100_000, ['x']))).rejects.toMatchObject({
      code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      facts: { expectedSequence: 4 },
    });
    expect(texts(await readAll(process))).toEqual(['a', 'b', 'c', 'd', 'a', 'b', 'c']);
  });

  it.each([
    ['of which only some carry a producer id', [batchOf('a'), sequenced(0, ['b'])]],
    ['of two producers', [sequenced(0, ['a']), sequenced(1, ['b'], { producerId: 8n })]],
    ['of two epochs', [sequenced(0, ['a']), sequenced(1, ['b'], { producerEpoch: 1 })]],
    ['that do not follow each other', [sequenced(0, ['a']), sequenced(2, ['b'])]],
    ['that are transactional', [sequenced(0, ['a'], { transactional: true })]],
  ])('refuses batches %s, and writes none of them', async (_, batches) => {
    const process = await makeTopic();
    const request = { topic: 't', partition: 0, acks: 'all' as const, batches: concatBytes(batches) };
    await expect(produceBatches(process.broker, request)).rejects.toMatchObject({
      code: 'INVALID_RECORD',
      effect: 'none',
    });
    expect(await readAll(process)).toEqual([]);
  });
});

describe('a topic that was deleted and created again', () => {
  it('gets the records, though the process knew only the old one', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores });
    await produce(process, [value('old')]);
    const other = makeBroker({ stores }).broker;
    await deleteTopic(other, 't');
    await createTopic(other, { name: 't' });
    expect((await produce(process, [value('new')])).map(short)).toEqual([0]);
    expect(texts(await readAll(process))).toEqual(['new']);
  });

  it('gets them by its own partitions, whatever the old one had', async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
    const keyed = keys.map((key) => ({ ...value(key), key: utf8(key) }));
    for (const [before, after] of [
      [8, 1],
      [1, 8],
    ] as const) {
      const stores = makeStores();
      const process = await makeTopic({ stores, partitions: before });
      await produce(process, [value('old')]);
      const other = makeBroker({ stores });
      await deleteTopic(other.broker, 't');
      await createTopic(other.broker, { name: 't', partitions: after });
      const outcomes = await produce(process, [...keyed, value('keyless')]);
      expect(outcomes.map(({ outcome }) => outcome)).toEqual([...keyed, 1].map(() => 'written'));
      const expected = keys.map((key) => partitionForKey(utf8(key), after));
      expect(outcomes.slice(0, keys.length).map(({ partition }) => partition)).toEqual(expected);
    }
  });

  it('gets records that nobody waits for', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores, partitions: 8 });
    await produce(process, [value('old')]);
    const other = makeBroker({ stores });
    await deleteTopic(other.broker, 't');
    await createTopic(other.broker, { name: 't' });
    await produce(process, [value('new')], { acks: 'none' });
    await expect.poll(async () => texts(await readAll(makeBroker({ stores })))).toEqual(['new']);
    expect(process.logged).toEqual([]);
  });

  it('does not get records that the old one may have got', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores });
    await produce(process, [value('old')]);
    const other = makeBroker({ stores }).broker;
    process.metadata.onWrite = async (proceed) => {
      process.metadata.onWrite = undefined;
      await proceed();
      await deleteTopic(other, 't');
      await createTopic(other, { name: 't' });
      throw lost();
    };
    const [outcome] = await produce(process, [value('once')]);
    expect(outcome).toMatchObject({ error: { code: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'unknown' } });
    expect(await readAll(makeBroker({ stores }))).toEqual([]);
  });

  it('is not looked for where it is gone for good', async () => {
    const stores = makeStores();
    const process = await makeTopic({ stores });
    await produce(process, [value('old')]);
    await deleteTopic(makeBroker({ stores }).broker, 't');
    expect((await produce(process, [value('new')])).map(short)).toEqual(['UNKNOWN_TOPIC_OR_PARTITION']);
    await expect(produce(process, [value('new')])).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });
});
