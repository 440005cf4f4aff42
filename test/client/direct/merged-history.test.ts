/**
 * The client over merged segments, through the whole server: what it makes of a store that is not what the plan says.
 */
import { describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { httpWorld } from '../../support/http-world.ts';
import { mergedObjects, mergeOnce } from '../../support/merging.ts';

const BATCHES = 40;
const RECORDS_PER_BATCH = 64;
const VALUE_BYTES = 4_096;
const RECORDS = BATCHES * RECORDS_PER_BATCH;
const FLUSH = 8;

function batchFrom(first: number): Uint8Array {
  const value = (number: number) => {
    const bytes = new Uint8Array(VALUE_BYTES);
    new DataView(bytes.buffer).setUint32(0, number);
    return bytes;
  };
  const records = Array.from({ length: RECORDS_PER_BATCH }, (_, index) => {
    return { timestamp: 7, key: null, value: value(first + index), headers: [] };
  });
  return encodeBatch(records);
}

/** One segment of some 10 MiB, and then one more ordinary batch. */
async function world() {
  const { app, broker } = httpWorld({ inlineBytesMax: 0 });
  const answered = { ranges: [] as number[], plans: [] as string[] };
  const clientOf = (bucket?: (answer: Response) => Response | Promise<Response>): MillraceClient =>
    createClient({
      url: 'http://localhost',
      attemptsMax: 1,
      fetch: async (input, init) => {
        const request = new Request(input, init);
        const { pathname, searchParams } = new URL(request.url);
        if (pathname.endsWith('/plan')) answered.plans.push(searchParams.get('offset') ?? '');
        return app.fetch(request);
      },
      bucketFetch: async (input, init) => {
        const answer = await app.fetch(new Request(input, init));
        answered.ranges.push(answer.status);
        return bucket?.(answer) ?? answer;
      },
    });
  const client = clientOf();
  await client.topics.create('t', { partitions: 1 });
  for (let batch = 0; batch < BATCHES; batch += FLUSH) {
    const together = Array.from({ length: FLUSH }, (_, index) => batchFrom((batch + index) * RECORDS_PER_BATCH));
    await client.produceBatches('t', 0, concatBytes(together));
  }
  const { ledger } = ledgerOf(await broker.topics.get('t'), 0);
  await broker.sealer.seal(ledger);
  await mergeOnce({ broker }, ledger);
  const [name = ''] = await mergedObjects(broker);
  return { broker, clientOf, answered, name };
}

async function read(client: MillraceClient, told: unknown[] = []) {
  const onFallback = (error: unknown) => told.push(error);
  // So little that ordinary fetches take many turns.
  const reader = client.reader('t', 0, { as: 'bytes', follow: false, maxRecords: 100, onFallback });
  const offsets: number[] = [];
  try {
    for await (const { offset, value } of reader.records()) {
      offsets.push(offset);
      expect(new DataView(value?.buffer ?? new ArrayBuffer(4), value?.byteOffset ?? 0).getUint32(0)).toBe(offset);
    }
  } catch (error) {
    return { offsets, error };
  }
  return { offsets };
}

const upTo = (end: number) => Array.from({ length: end }, (_, offset) => offset);

describe('merged history', () => {
  it('is read from the store', async () => {
    const { clientOf, answered } = await world();
    expect(await read(clientOf())).toEqual({ offsets: upTo(RECORDS) });
    expect(answered.ranges.length).toBeGreaterThan(1);
    expect(answered.ranges.every((status) => status === 206)).toBe(true);
  });

  it.each<[string, (answer: Response) => Response | Promise<Response>]>([
    ['have expired', () => new Response('expired', { status: 403 })],
    ['name an object that is gone', () => new Response('gone', { status: 404 })],
    [
      'give less than they should',
      async (answer) => new Response((await answer.bytes()).slice(0, -1), { status: 206 }),
    ],
    ['give other bytes', async (answer) => new Response(changed(await answer.bytes()), { status: 206 })],
    ['end in the middle', (answer) => new Response(broken(answer), { status: 206 })],
  ])('is read through the server where URLs %s, after one new plan', async (_what, bucket) => {
    const { clientOf, answered } = await world();
    const told: unknown[] = [];
    expect(await read(clientOf(bucket), told)).toEqual({ offsets: upTo(RECORDS) });
    // And none where the server was read from since.
    const [first] = answered.plans;
    expect(answered.plans.filter((offset) => offset === first)).toHaveLength(2);
    expect(answered.plans.length).toBeLessThan(5);
    expect(told).toMatchObject([
      { code: 'NETWORK_ERROR', message: expect.stringMatching(/offsets \d+ to \d+/) as string },
    ]);
  });

  it('is planned anew where one URL fails, and read from the store all the same', async () => {
    const { clientOf, answered } = await world();
    let asked = 0;
    const told: unknown[] = [];
    const client = clientOf((answer) => (++asked === 2 ? new Response('expired', { status: 403 }) : answer));
    expect(await read(client, told)).toEqual({ offsets: upTo(RECORDS) });
    expect(told).toEqual([]);
    expect(answered.plans.length).toBeGreaterThan(1);
  });

  it('that is damaged in the store is read up to there, and then refused with the offsets that are', async () => {
    const { broker, clientOf, name } = await world();
    const bytes = (await broker.objects.getRange(name)) as Uint8Array;
    await broker.objects.delete([name]);
    await broker.objects.put(name, [changed(bytes)]);
    const { offsets, error } = await read(clientOf());
    expect(offsets).toEqual(upTo(offsets.length));
    expect(offsets.length).toBeLessThan(RECORDS);
    expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
    const [, first, last] = /with the offsets (\d+) to (\d+)/.exec((error as Error).message) ?? [];
    const half = (BATCHES / 2) * RECORDS_PER_BATCH;
    expect(Number(first)).toBeLessThanOrEqual(half);
    expect(Number(last)).toBeGreaterThanOrEqual(half - 1);
  });
});

/** One bit of them, in the middle. */
function changed(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  const at = bytes.length >>> 1;
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

/** What comes, without its end, and then nothing but a failure. */
function broken(answer: Response): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      controller.enqueue((await answer.bytes()).slice(0, 1_000));
      controller.error(new TypeError('terminated'));
    },
  });
}
