/** Reading history from the local server's store by its own URLs, over HTTP. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import { bytes } from '../../../lib/client/producer/serializers.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { createLogger } from '../../../lib/local/logger.ts';
import { parseCommand } from '../../../lib/local/options.ts';
import { type RunningServer, startServer } from '../../../lib/local/server.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';

const RECORDS_PER_BATCH = 256;
const BATCHES = 24;
const VALUE_BYTES = 1_024;
const RECORDS = RECORDS_PER_BATCH * BATCHES;

let server: RunningServer;
let topic: string;
let topics = 0;
const requests = { api: [] as string[], bucket: 0 };

beforeAll(async () => {
  const command = parseCommand({ args: ['--port', '0', '--data', ':memory:'], env: {}, readFile: String });
  if (command.command !== 'serve') throw new Error('asks for help');
  const log = createLogger(systemClock, () => {});
  server = await startServer(command.options, { clock: systemClock, random: systemRandom, log });
});

afterAll(() => server?.close());

beforeEach(() => {
  topic = `history-${++topics}`;
  requests.api = [];
  requests.bucket = 0;
});

/** The value begins with the number that the record was written as. */
function valueOf(number: number): Uint8Array {
  const value = new Uint8Array(VALUE_BYTES);
  new DataView(value.buffer).setUint32(0, number);
  return value;
}

function numberOf(value: Uint8Array | null): number {
  return value === null ? -1 : new DataView(value.buffer, value.byteOffset).getUint32(0);
}

function clientOf(bucketFetch?: typeof globalThis.fetch): MillraceClient {
  return createClient({
    url: server.url,
    fetch: (input, init) => {
      requests.api.push(new URL(input instanceof Request ? input.url : input).pathname.split('/').at(-1) ?? '');
      return fetch(input, init);
    },
    bucketFetch: (input, init) => {
      requests.bucket++;
      return (bucketFetch ?? fetch)(input, init);
    },
  });
}

async function written(partitions = 1): Promise<MillraceClient> {
  const client = clientOf();
  await client.topics.create(topic, { partitions });
  for (let partition = 0; partition < partitions; partition++) {
    for (let batch = 0; batch < BATCHES; batch++) {
      const records = Array.from({ length: RECORDS_PER_BATCH }, (_, index) => {
        return { timestamp: 7, key: null, value: valueOf(batch * RECORDS_PER_BATCH + index), headers: [] };
      });
      await client.produceBatches(topic, partition, encodeBatch(records));
    }
  }
  requests.api = [];
  return client;
}

const expected = Array.from({ length: RECORDS }, (_, offset) => [offset, offset]);

describe('a reader', () => {
  async function read(client: MillraceClient, from = 0): Promise<number[][]> {
    const reader = client.reader(topic, 0, { offset: from, as: 'bytes', follow: false });
    const seen: number[][] = [];
    for await (const { offset, value } of reader.records()) seen.push([offset, numberOf(value)]);
    expect(reader.nextOffset).toBe(RECORDS);
    return seen;
  }

  it('reads history from the store, and all of it in order', async () => {
    const client = await written();
    expect(await read(client)).toEqual(expected);
    expect(requests.bucket).toBeGreaterThan(BATCHES / 2);
    expect(requests.api.filter((call) => call === 'records').length).toBeLessThan(4);
  });

  it('begins in the middle of a batch', async () => {
    const client = await written();
    expect(await read(client, 1_000)).toEqual(expected.slice(1_000));
    expect(requests.bucket).toBeGreaterThan(0);
  });

  it('reads the same where every URL fails', async () => {
    await written();
    const client = clientOf(() => Promise.resolve(new Response('no', { status: 403 })));
    expect(await read(client)).toEqual(expected);
    expect(requests.bucket).toBeGreaterThan(0);
    expect(requests.api.filter((call) => call === 'plan')).toHaveLength(2);
  });

  it('hands out the stored batches, which decode to the same', async () => {
    const client = await written();
    let next = 0;
    let length = 0;
    for await (const piece of client.reader(topic, 0, { follow: false }).batches()) {
      expect(piece.firstOffset).toBe(next);
      next = piece.lastOffset + 1;
      length += piece.batches.length;
    }
    expect(next).toBe(RECORDS);
    expect(length).toBeGreaterThan(RECORDS * VALUE_BYTES);
    expect(requests.bucket).toBeGreaterThan(0);
  });
});

describe('a member of a group', () => {
  const PARTITIONS = 2;

  function consumerOf(client: MillraceClient, group: string) {
    return client.consumer<Uint8Array, Uint8Array>({
      group,
      topics: [topic],
      autoOffsetReset: 'earliest',
      waitMs: 500,
      keyDeserializer: bytes(),
      valueDeserializer: bytes(),
    });
  }

  async function consume(client: MillraceClient, group: string, count: number): Promise<number[][]> {
    const consumer = consumerOf(client, group);
    const seen: number[][] = [];
    for await (const { partition, offset, value } of consumer.records()) {
      seen.push([partition, offset, numberOf(value)]);
      if (seen.length === count) break;
    }
    await consumer.close();
    return seen;
  }

  const inOrder = (seen: number[][], partition: number) =>
    seen.filter(([of]) => of === partition).map((s) => s.slice(1));

  it('reads history from the store, each partition in order, and what is written meanwhile', async () => {
    const client = await written(PARTITIONS);
    const reading = consume(client, topic, PARTITIONS * RECORDS + PARTITIONS);
    await client.produce(
      topic,
      [0, 1].map((partition) => ({ partition, value: valueOf(RECORDS) })),
    );
    const seen = await reading;
    for (const partition of [0, 1]) expect(inOrder(seen, partition)).toEqual([...expected, [RECORDS, RECORDS]]);
    expect(requests.bucket).toBeGreaterThan(BATCHES);
  });

  it('goes on where the one before has finished', async () => {
    const client = await written(PARTITIONS);
    const first = await consume(client, topic, RECORDS);
    const second = await consume(client, topic, PARTITIONS * RECORDS - (RECORDS - 1));
    // The record in hand when the first closed comes again.
    const all = [...first.slice(0, -1), ...second];
    for (const partition of [0, 1]) expect(inOrder(all, partition)).toEqual(expected);
  });

  it('seeks while it reads directly, and pauses one partition without the other', async () => {
    const client = await written(PARTITIONS);
    const consumer = consumerOf(client, topic);
    const offsets: [number[], number[]] = [[], []];
    let sought = false;
    for await (const { partition, offset } of consumer.records()) {
      (offsets[partition] as number[]).push(offset);
      const [zero, one] = offsets;
      if (!sought && requests.bucket > 0 && partition === 0) {
        sought = true;
        consumer.seek({ topic, partition: 0, offset: 100 });
        consumer.pause([{ topic, partition: 1 }]);
      }
      if (zero.at(-1) === RECORDS - 1) consumer.resume([{ topic, partition: 1 }]);
      if (zero.at(-1) === RECORDS - 1 && one.at(-1) === RECORDS - 1) break;
    }
    await consumer.close();
    const [zero, one] = offsets;
    const all = expected.map(([offset]) => offset);
    expect(one).toEqual(all);
    expect(zero.slice(-(RECORDS - 100))).toEqual(all.slice(100));
    expect(zero.slice(0, -(RECORDS - 100))).toEqual(all.slice(0, zero.length - (RECORDS - 100)));
  });

  it('shares with one that joins while it reads directly, and nothing is left out', async () => {
    const client = await written(PARTITIONS);
    const seen = [new Set<number>(), new Set<number>()];
    const both = [consumerOf(client, topic), consumerOf(client, topic)];
    const closing: Promise<void>[] = [];
    const done = () => seen.every(({ size }) => size === RECORDS);
    const follow = async (consumer: (typeof both)[number]) => {
      for await (const { partition, value } of consumer.records()) {
        seen[partition]?.add(numberOf(value));
        if (done()) closing.push(...both.map((each) => each.close()));
      }
    };
    const first = follow(both[0] as (typeof both)[number]);
    while (requests.bucket === 0) await systemClock.sleep(5);
    await Promise.all([first, follow(both[1] as (typeof both)[number])]);
    await Promise.all(closing);
    expect(done()).toBe(true);
  });
});
