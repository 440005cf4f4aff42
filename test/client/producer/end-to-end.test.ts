/** The producer against the real HTTP app, without a network: the app is its `fetch`. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import { json, text } from '../../../lib/client/producer/serializers.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { httpWorld } from '../../support/http-world.ts';

const FORBIDDEN = { status: 403, code: 'FORBIDDEN', detail: 'No more.', retriable: false, effect: 'none' };

let client: MillraceClient;
/** Loses the answers for which it says so. */
let loses: (path: string) => boolean;
/** Answers 403 in place of the server where it says so. */
let refuses: (path: string) => boolean;

beforeEach(() => {
  const { app } = httpWorld();
  loses = () => false;
  refuses = () => false;
  client = createClient({
    url: 'http://localhost',
    fetch: async (url, init) => {
      const request = new Request(url, init);
      if (refuses(request.url)) return Response.json(FORBIDDEN, { status: 403 });
      const answer = await app.fetch(request);
      if (loses(request.url)) throw new TypeError('the connection was closed');
      return answer;
    },
  });
});

async function valuesOf(topic: string, partition: number): Promise<unknown[]> {
  const { records } = await client.fetch(topic, partition, { offset: 'earliest', as: 'json', maxRecords: 10_000 });
  return records.map(({ value }) => value);
}

describe('records of a producer', () => {
  it('are where their receipts say, with keys, values, headers and times', async () => {
    await client.topics.create('orders', { partitions: 4 });
    await using producer = client.producer({ keySerializer: text(), valueSerializer: json<{ n: number }>() });
    const sends = Array.from({ length: 500 }, (_, n) =>
      producer.send({
        topic: 'orders',
        records: [{ key: `customer-${n % 7}`, value: { n }, headers: { n: `${n}` }, timestamp: 1_700_000_000_000 + n }],
      }),
    );
    const receipts = (await Promise.all(sends)).flat();
    const logs = await Promise.all(
      [0, 1, 2, 3].map((partition) => client.fetch('orders', partition, { offset: 0, as: 'json', maxRecords: 1_000 })),
    );
    for (const [n, { partition, offset, timestamp }] of receipts.entries()) {
      expect(logs[partition]?.records[offset ?? -1]).toMatchObject({
        key: `customer-${n % 7}`,
        value: { n },
        headers: [{ key: 'n', value: `${n}` }],
        timestamp,
      });
    }
  });

  it('go to the partition that the server chooses for their key', async () => {
    await client.topics.create('orders', { partitions: 16 });
    await using producer = client.producer();
    for (const key of ['ada', 'größer', '', 'a-little-bit-long-string']) {
      const [theirs] = await client.produce('orders', [{ key, value: 'x' }]);
      const [ours] = await producer.send({ topic: 'orders', records: [{ key, value: 'x' }] });
      expect(ours?.partition).toBe((theirs as { partition: number }).partition);
    }
  });

  it('that are larger than the topic takes fail alone', async () => {
    await client.topics.create('orders', { config: { 'max.message.bytes': 2_000 } });
    await using producer = client.producer();
    const values = ['a', 'b', 'x'.repeat(5_000), 'c', 'y'.repeat(900), 'z'.repeat(900), 'd'.repeat(900)];
    const sends = values.map((value) => producer.send({ topic: 'orders', records: [{ value }] }));
    const outcomes = await Promise.allSettled(sends);
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, true, true, true, true]);
    expect(outcomes[2]).toMatchObject({ reason: { code: 'MESSAGE_TOO_LARGE', effect: 'none' } });
    expect(await valuesOf('orders', 0)).toEqual(values.filter(({ length }) => length < 2_000));
  });

  it('may be null, and bytes that are no text', async () => {
    await client.topics.create('orders');
    await using producer = client.producer();
    const bytes = Uint8Array.of(255, 0, 254);
    const headers = [
      { key: 'h', value: bytes },
      { key: 'h', value: null },
    ];
    await producer.send({ topic: 'orders', records: [{ key: bytes, value: null, headers }, { value: 'größer' }] });
    const { records } = await client.fetch('orders', 0, { offset: 0, as: 'bytes' });
    expect(records).toMatchObject([
      { key: bytes, value: null, headers },
      { key: null, value: utf8('größer') },
    ]);
  });

  it('have no time in their receipts where the topic takes the log’s', async () => {
    await client.topics.create('orders', { config: { 'message.timestamp.type': 'LogAppendTime' } });
    await using producer = client.producer();
    const [receipt] = await producer.send({ topic: 'orders', records: [{ value: 'a', timestamp: 7 }] });
    expect(receipt).toMatchObject({ offset: 0, timestamp: undefined });
  });

  it('are written once, in order, where every other answer is lost', async () => {
    await client.topics.create('orders', { partitions: 2 });
    let answers = 0;
    loses = (path) => path.endsWith('/records') && answers++ % 2 === 0;
    const producer = client.producer({ batchRecordsMax: 5 });
    const sends = Array.from({ length: 40 }, (_, n) =>
      producer.send({ topic: 'orders', records: [{ value: n, partition: n % 2 }] }),
    );
    const receipts = (await Promise.all(sends)).flat();
    await producer.close();
    loses = () => false;
    expect(receipts.map(({ partition, offset }) => [partition, offset])).toEqual(
      receipts.map((_, n) => [n % 2, Math.floor(n / 2)]),
    );
    for (const partition of [0, 1]) {
      const own = Array.from({ length: 20 }, (_, n) => n * 2 + partition);
      expect(await valuesOf('orders', partition)).toEqual(own);
    }
  });

  it('go on in a new epoch after a batch that may have been written', async () => {
    await client.topics.create('orders');
    await using producer = client.producer();
    await producer.send({ topic: 'orders', records: [{ value: 'a' }] });
    let answers = 0;
    loses = (path) => path.endsWith('/records') && answers++ === 0;
    refuses = (path) => path.endsWith('/records') && answers === 1;
    const failed = await producer.send({ topic: 'orders', records: [{ value: 'b' }] }).catch((error: unknown) => error);
    refuses = () => false;
    expect(failed).toMatchObject({ code: 'FORBIDDEN', effect: 'unknown' });
    const [next] = await producer.send({ topic: 'orders', records: [{ value: 'c' }] });
    expect(next).toMatchObject({ offset: 2 });
    expect(await valuesOf('orders', 0)).toEqual(['a', 'b', 'c']);
  });

  it('may be written and fail with an unknown effect without idempotence, where the answer is lost', async () => {
    await client.topics.create('orders');
    await using producer = client.producer({ idempotence: false });
    await producer.send({ topic: 'orders', records: [{ value: 'a' }] });
    loses = (path) => path.endsWith('/records');
    const failed = await producer.send({ topic: 'orders', records: [{ value: 'b' }] }).catch((error: unknown) => error);
    loses = () => false;
    expect(failed).toMatchObject({ code: 'NETWORK_ERROR', effect: 'unknown' });
    expect(await valuesOf('orders', 0)).toEqual(['a', 'b']);
  });
});
