/** Transactions against the real HTTP app, without a network: the app is the client's `fetch`. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../lib/client/client.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { httpWorld } from '../support/http-world.ts';

let world: ReturnType<typeof httpWorld>;
let client: MillraceClient;
/** How many answers to transactions are lost from now on. */
let lost: number;

beforeEach(async () => {
  world = httpWorld();
  lost = 0;
  client = connected();
  await client.topics.create('orders');
  await client.topics.create('totals', { partitions: 3 });
});

function connected(): MillraceClient {
  return createClient({
    url: 'http://localhost',
    // Pauses between attempts are over at once.
    clock: { ...systemClock, sleep: async (ms, signal) => signal && systemClock.sleep(ms, signal) },
    fetch: async (url, init) => {
      const request = new Request(url, init);
      const transacts = request.url.endsWith('/v1/transactions');
      const answer = await world.app.fetch(request);
      if (transacts && lost-- > 0) throw new TypeError('the connection was closed');
      return answer;
    },
  });
}

async function valuesOf(topic: string, partition: number): Promise<unknown[]> {
  const { records } = await client.fetch(topic, partition, { offset: 'earliest', as: 'json' });
  return records.map(({ value }) => value);
}

describe('a transaction', () => {
  it('writes records to several topics and commits offsets', async () => {
    const { receipts, value } = await client.transaction(async (tx) => {
      await tx.send({ topic: 'totals', records: [{ key: 'ada', value: { total: 12 }, partition: 2 }] });
      await tx.send({ topic: 'orders', records: [{ value: 'a' }, { value: Uint8Array.of(255), headers: { h: 'v' } }] });
      tx.commitOffsets({ group: 'adders', offsets: [{ topic: 'orders', partition: 0, offset: 1, metadata: 'm' }] });
      return 3;
    });
    expect(value).toBe(3);
    expect(receipts).toMatchObject([
      { topic: 'totals', partition: 2, offset: 0 },
      { topic: 'orders', partition: 0, offset: 0 },
      { topic: 'orders', partition: 0, offset: 1 },
    ]);
    expect(await valuesOf('totals', 2)).toEqual([{ total: 12 }]);
    expect(await valuesOf('orders', 0)).toEqual(['a', Uint8Array.of(255)]);
    expect(await client.committedOffsets('adders')).toMatchObject([{ topic: 'orders', partition: 0, offset: 1 }]);
  });

  it('writes nothing where the work throws, or one of its records is refused', async () => {
    const failing = client.transaction(async (tx) => {
      await tx.send({ topic: 'orders', records: [{ value: 'a' }] });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    const refused = client.transaction(async (tx) => {
      await tx.send({ topic: 'orders', records: [{ value: 'b' }] });
      await tx.send({ topic: 'gone', records: [{ value: 'c' }] });
    });
    await expect(refused).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', effect: 'none' });
    expect(await valuesOf('orders', 0)).toEqual([]);
    await client.transaction((tx) => tx.send({ topic: 'orders', records: [{ value: 'd' }] }));
    expect(await valuesOf('orders', 0)).toEqual(['d']);
  });

  it('is written once where answers are lost, and answered with where it was', async () => {
    for (const value of ['a', 'b']) {
      lost = 2;
      const { receipts } = await client.transaction((tx) => tx.send({ topic: 'orders', records: [{ value }] }));
      expect(receipts).toMatchObject([{ offset: value === 'a' ? 0 : 1 }]);
    }
    expect(await valuesOf('orders', 0)).toEqual(['a', 'b']);
  });

  it('may be written where every answer is lost, and the next one goes on', async () => {
    const write = (value: string) => client.transaction((tx) => tx.send({ topic: 'orders', records: [{ value }] }));
    lost = 5;
    await expect(write('a')).rejects.toMatchObject({ code: 'NETWORK_ERROR', effect: 'unknown' });
    lost = 0;
    await write('b');
    expect(await valuesOf('orders', 0)).toEqual(['a', 'b']);
  });

  it('is fenced when another client takes its name over', async () => {
    const other = connected();
    const write = (by: MillraceClient, value: string) =>
      by.transaction((tx) => tx.send({ topic: 'orders', records: [{ value }] }), { transactionalId: 'mover' });
    await write(client, 'a');
    await write(other, 'b');
    await expect(write(client, 'c')).rejects.toMatchObject({ code: 'INVALID_PRODUCER_EPOCH', effect: 'none' });
    await write(other, 'd');
    expect(await valuesOf('orders', 0)).toEqual(['a', 'b', 'd']);
  });
});

describe('committed offsets', () => {
  it('come whole, however many pages they take', async () => {
    await client.topics.create('wide', { partitions: 40 });
    await client.transaction((tx) => {
      const offsets = [0, 17, 39].map((partition) => ({
        topic: 'wide',
        partition,
        offset: partition + 1,
        metadata: 'm',
      }));
      tx.commitOffsets({ group: 'g', offsets });
    });
    const pageOf = createClient({
      url: 'http://localhost',
      fetch: async (url, init) => {
        const request = new URL(new Request(url, init).url);
        request.searchParams.set('limit', '1');
        return world.app.fetch(new Request(request, init));
      },
    });
    const committed = await pageOf.committedOffsets('g');
    expect(committed.map(({ partition, offset, metadata }) => [partition, offset, metadata])).toEqual([
      [0, 1, 'm'],
      [17, 18, 'm'],
      [39, 40, 'm'],
    ]);
    expect(await client.committedOffsets('nobody')).toEqual([]);
  });
});
