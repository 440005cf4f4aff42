/** The client against the real HTTP app, without a network: the app is its `fetch`. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../lib/client/client.ts';
import { MillraceClientError } from '../../lib/client/errors.ts';
import { createApp } from '../../lib/http/app.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { noCompression } from '../../lib/log/record-batch/compression.ts';
import { records as decodeBatches } from '../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import { httpWorld } from '../support/http-world.ts';
import { readingWorld } from '../support/reading-world.ts';

const NOT_UTF8 = Uint8Array.of(0xff, 0x00, 0xfe);

let client: MillraceClient;

beforeEach(() => {
  const { app } = httpWorld();
  client = createClient({
    url: 'http://localhost',
    fetch: async (url, init) => {
      const answer = await app.fetch(new Request(url, init));
      init?.signal?.throwIfAborted();
      return answer;
    },
    attemptsMax: 1,
  });
});

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('topics', () => {
  it('are created, listed, described, altered and deleted', async () => {
    const config = { 'retention.ms': 60_000 };
    const created = await client.topics.create('orders', { partitions: 3, config });
    expect(created).toMatchObject({ name: 'orders', partitions: 3, config: { 'retention.ms': '60000' } });
    expect(created.partitionDetails.map(({ partition, highWatermark }) => [partition, highWatermark])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    expect(await client.topics.describe('orders')).toEqual(created);
    const altered = await client.topics.alter('orders', { partitions: 4, config: { 'retention.ms': null } });
    expect(altered).toMatchObject({ partitions: 4, config: {} });
    expect(await client.topics.list()).toEqual({
      topics: [{ name: 'orders', topicId: created.topicId, partitions: 4, replicationFactor: 1 }],
    });
    await client.topics.delete('orders');
    expect(await client.topics.list()).toEqual({ topics: [] });
  });

  it('are listed page by page', async () => {
    for (const name of ['a', 'b', 'c']) await client.topics.create(name);
    const first = await client.topics.list({ limit: 2 });
    expect(first.topics.map(({ name }) => name)).toEqual(['a', 'b']);
    const second = await client.topics.list({ cursor: first.next });
    expect(second).toMatchObject({ topics: [{ name: 'c' }] });
    expect(second.next).toBeUndefined();
  });
});

describe('records', () => {
  beforeEach(async () => {
    await client.topics.create('orders', { partitions: 2 });
  });

  const given = [
    { key: 'text', value: 'größer', headers: { a: 'b' }, partition: 0, timestamp: 1_700_000_000_000 },
    { key: NOT_UTF8, value: { n: [1, null] }, partition: 0 },
    { key: null, value: null, partition: 0 },
    {
      value: NOT_UTF8,
      headers: [
        { key: 'h', value: NOT_UTF8 },
        { key: 'h', value: null },
      ],
      partition: 0,
    },
  ];

  it('come back as text, and as bytes where they are none', async () => {
    const results = await client.produce('orders', given);
    expect(results).toMatchObject([0, 1, 2, 3].map((offset) => ({ partition: 0, offset })));
    const fetched = await client.fetch('orders', 0, { offset: 'earliest' });
    expect(fetched).toMatchObject({ nextOffset: 4, highWatermark: 4, logStartOffset: 0 });
    expect(fetched.records).toMatchObject([
      { offset: 0, timestamp: 1_700_000_000_000, key: 'text', value: 'größer', headers: [{ key: 'a', value: 'b' }] },
      { offset: 1, key: NOT_UTF8, value: '{"n":[1,null]}', headers: [] },
      { offset: 2, key: null, value: null },
      {
        offset: 3,
        key: null,
        value: NOT_UTF8,
        headers: [
          { key: 'h', value: NOT_UTF8 },
          { key: 'h', value: null },
        ],
      },
    ]);
  });

  it('come back parsed, and as bytes, where that is asked for', async () => {
    await client.produce('orders', given);
    const json = await client.fetch('orders', 0, { offset: 0, as: 'json' });
    expect(json.records.map(({ value }) => value)).toEqual(['größer', { n: [1, null] }, null, NOT_UTF8]);
    const bytes = await client.fetch('orders', 0, { offset: 0, as: 'bytes' });
    expect(bytes.records.map(({ value }) => value)).toEqual([utf8('größer'), utf8('{"n":[1,null]}'), null, NOT_UTF8]);
    expect(bytes.records[3]?.headers).toEqual([
      { key: 'h', value: NOT_UTF8 },
      { key: 'h', value: null },
    ]);
  });

  it('are found by offset, from the end, and by time', async () => {
    const timestamps = [1_700_000_000_000, 1_700_000_001_000, 1_700_000_002_000];
    await client.produce(
      'orders',
      timestamps.map((timestamp) => ({ value: 'x', partition: 1, timestamp })),
    );
    const from = async (position: { offset?: number; timestamp?: number }) =>
      (await client.fetch('orders', 1, position)).records.map(({ offset }) => offset);
    expect(await from({ offset: 1 })).toEqual([1, 2]);
    expect(await from({ offset: -1 })).toEqual([2]);
    expect(await from({ timestamp: 1_700_000_000_500 })).toEqual([1, 2]);
    expect(await client.offsets('orders', 1, { timestamp: 'latest' })).toEqual({
      offset: 3,
      timestamp: null,
      leaderEpoch: 0,
    });
    const found = await client.offsets('orders', 1, { timestamp: 1_700_000_001_500 });
    expect(found).toMatchObject({ offset: 2, timestamp: 1_700_000_002_000 });
    expect(await client.offsets('orders', 1, { timestamp: 1_800_000_000_000 })).toMatchObject({ offset: null });
    expect(await client.fetch('orders', 1, { offset: 0, maxRecords: 2 })).toMatchObject({ nextOffset: 2 });
  });

  it('fail one by one, with the error of each', async () => {
    const results = await client.produce('orders', [
      { value: 'a', partition: 0 },
      { value: 'b', partition: 9 },
    ]);
    expect(results[0]).toMatchObject({ partition: 0, offset: 0 });
    expect(results[1]).toMatchObject({ error: { code: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' } });
    expect((results[1] as { error: unknown }).error).toBeInstanceOf(MillraceClientError);
  });

  it('are appended only at the expected offset, where one is given', async () => {
    await client.produce('orders', [{ value: 'a', partition: 0 }], { expectedOffset: 0 });
    const error = await failureOf(client.produce('orders', [{ value: 'b', partition: 0 }], { expectedOffset: 0 }));
    expect(error).toMatchObject({ code: 'OFFSET_MISMATCH', status: 412, facts: { nextOffset: 1 } });
  });

  it('are not waited for with acks=none', async () => {
    const [result] = await client.produce('orders', [{ value: 'a', partition: 1 }], { acks: 'none' });
    expect(result).toEqual({ partition: 1 });
  });

  it('go and come as record batches', async () => {
    const batch = encodeBatch([
      { timestamp: 1_700_000_000_000, key: null, value: NOT_UTF8, headers: [] },
      { timestamp: 1_700_000_000_000, key: utf8('k'), value: utf8('v'), headers: [] },
    ]);
    expect(await client.produceBatches('orders', 1, batch)).toEqual({ partition: 1, baseOffset: 0, recordCount: 2 });
    const fetched = await client.fetchBatches('orders', 1, { offset: 0 });
    expect(fetched).toMatchObject({ nextOffset: 2, highWatermark: 2 });
    expect([...decodeBatches(fetched.batches, noCompression)].map(({ value }) => value)).toEqual([NOT_UTF8, utf8('v')]);
  });

  it('wake a fetch that waits for them', async () => {
    const waiting = client.fetch('orders', 0, { offset: 0, waitMs: 10_000 });
    await client.produce('orders', [{ value: 'there', partition: 0 }]);
    expect((await waiting).records).toMatchObject([{ value: 'there' }]);
  });

  it('are refused with facts where the offset is out of range', async () => {
    const error = await failureOf(client.fetch('orders', 0, { offset: 5 }));
    expect(error).toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      status: 416,
      retriable: false,
      facts: { logStartOffset: 0, highWatermark: 0 },
    });
  });
});

it('ends a wait when its signal aborts', async () => {
  await client.topics.create('orders');
  const controller = new AbortController();
  const waiting = client.fetch('orders', 0, { offset: 0, waitMs: 10_000, signal: controller.signal });
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});

describe('rack', () => {
  it('chooses the replica that records are read from, and is said of nothing but reads', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    const app = createApp({ ...world, random: seededRandom(1), streaming: false });
    const racks: (string | null)[] = [];
    const near = createClient({
      url: 'http://localhost',
      fetch: async (url, init) => {
        const request = new Request(url, init);
        racks.push(request.headers.get('x-rack'));
        return app.fetch(request);
      },
      rack: 'c',
    });
    expect(await near.fetch('t', 0, { offset: 0 })).toMatchObject({ records: [{ value: 'a' }] });
    expect((await near.fetchBatches('t', 0, { offset: 0 })).batches.length).toBeGreaterThan(0);
    await near.topics.describe('t');
    expect(racks).toEqual(['c', 'c', null]);
    const read = world.replicas.map(({ calls }) => calls.some((call) => call.startsWith('getRange')));
    expect(read).toEqual([false, false, true]);
  });

  it.each(['', ' ', 'a b', 'zürich', 'r'.repeat(256)])('is refused where it is none: %j', (rack) => {
    expect(() => createClient({ url: 'http://localhost', rack })).toThrow(TypeError);
  });
});
