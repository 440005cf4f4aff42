/** The consumer against a local server, over HTTP. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import type { Consumer } from '../../../lib/client/consumer/consumer.ts';
import type { ConsumerOptions } from '../../../lib/client/consumer/options.ts';
import { json } from '../../../lib/client/producer/serializers.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { createLogger } from '../../../lib/local/logger.ts';
import { parseCommand } from '../../../lib/local/options.ts';
import { type RunningServer, startServer } from '../../../lib/local/server.ts';

type Text = string | Uint8Array;

const PARTITIONS = 6;

let server: RunningServer;
let client: MillraceClient;
let topic: string;
let tests = 0;

beforeAll(async () => {
  const command = parseCommand({ args: ['--port', '0', '--data', ':memory:'], env: {}, readFile: String });
  if (command.command !== 'serve') throw new Error('asks for help');
  const log = createLogger(systemClock, () => {});
  server = await startServer(command.options, { clock: systemClock, random: systemRandom, log });
});

afterAll(() => server?.close());

beforeEach(async () => {
  client = createClient({ url: server.url });
  topic = `orders-${++tests}`;
  await client.topics.create(topic, { partitions: PARTITIONS });
});

function consumerOf(options: Partial<ConsumerOptions<Text, number>> = {}, from = client): Consumer<Text, number> {
  return from.consumer<Text, number>({
    group: `billing-${tests}`,
    topics: [topic],
    valueDeserializer: json<number>(),
    autoOffsetReset: 'earliest',
    waitMs: 1_000,
    sessionTimeoutMs: 6_000,
    ...options,
  });
}

/** Values from..to, each in the partition of its remainder. */
async function write(from: number, to: number): Promise<void> {
  const values = Array.from({ length: to - from }, (_, index) => from + index);
  await client.produce(
    topic,
    values.map((value) => ({ value, partition: value % PARTITIONS })),
  );
}

/** Runs until the consumer is closed; what it gets it notes in `seen`. */
async function follow(consumer: Consumer<Text, number>, seen: number[]): Promise<void> {
  for await (const { value } of consumer.records()) if (value !== null) seen.push(value);
}

async function until(condition: () => boolean, ms = 15_000): Promise<void> {
  const end = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const upTo = (end: number) => Array.from({ length: end }, (_, index) => index);
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

describe('a group', () => {
  it('shares the partitions, and who stays takes over from who closes', async () => {
    const [one, two] = [consumerOf(), consumerOf()];
    const [ofOne, ofTwo]: [number[], number[]] = [[], []];
    const running = [follow(one, ofOne), follow(two, ofTwo)];
    await until(() => one.assignment.length === PARTITIONS / 2 && two.assignment.length === PARTITIONS / 2);
    await write(0, 60);
    await until(() => ofOne.length + ofTwo.length === 60);
    expect(ofOne).toHaveLength(30);
    await one.close();
    await write(60, 120);
    await until(() => ofTwo.length === 90);
    await two.close();
    await Promise.all(running);
    expect(sorted([...ofOne, ...ofTwo])).toEqual(upTo(120));
    const committed = await client.committedOffsets(`billing-${tests}`);
    expect(committed.map(({ offset }) => offset)).toEqual(upTo(PARTITIONS).map(() => 20));
  });

  it('takes over from who is silent for longer than the session', async () => {
    const cut = new AbortController();
    const frozen = createClient({
      url: server.url,
      fetch: (url, init) => (cut.signal.aborted ? new Promise(() => {}) : fetch(url, init)),
    });
    const [one, two] = [consumerOf({ commit: 'manual' }, frozen), consumerOf()];
    const [ofOne, ofTwo]: [number[], number[]] = [[], []];
    void follow(one, ofOne);
    const running = follow(two, ofTwo);
    await until(() => one.assignment.length === 3 && two.assignment.length === 3);
    cut.abort();
    await write(0, 12);
    await until(() => ofTwo.length === 12, 25_000);
    expect(sorted(ofTwo)).toEqual(upTo(12));
    await two.close();
    await running;
    await one.close({ timeoutMs: 1 }).catch(() => {});
  }, 40_000);
});

describe('commits by record', () => {
  it('lose nothing across restarts, and bring again only what was not committed', async () => {
    await write(0, 100);
    const seen: number[] = [];
    for (let run = 0; run < 4; run++) {
      const consumer = consumerOf({ commit: 'manual' });
      let handled = 0;
      for await (const record of consumer.records()) {
        seen.push(record.value ?? -1);
        if (++handled === 30) break;
        await record.commit();
        if (new Set(seen).size === 100) break;
      }
      await consumer.close();
    }
    expect(sorted([...new Set(seen)])).toEqual(upTo(100));
    expect(seen.length).toBeLessThan(108);
  });
});

describe('automatic commits', () => {
  it('pass over nothing that the application failed at', async () => {
    await write(0, 60);
    const consumer = consumerOf({ maxRecords: 7 });
    const done: number[] = [];
    let attempts = 0;
    const run = async () => {
      for await (const { value } of consumer.records()) {
        if (++attempts % 5 === 0) throw new Error('try again');
        done.push(value ?? -1);
        if (done.length === 60) break;
      }
    };
    while (done.length < 60) await run().catch(() => {});
    expect(sorted(done)).toEqual(upTo(60));
    await consumer.close();
  });
});

describe('pausing and seeking', () => {
  it('steer what the server sends', async () => {
    await write(0, 60);
    const consumer = consumerOf({ maxRecords: 6 });
    const records = consumer.records();
    await records.next();
    consumer.pause(consumer.assignment.filter(({ partition }) => partition !== 4));
    consumer.seek({ topic, partition: 4, offset: 7 });
    const values: (number | null | undefined)[] = [];
    for (let n = 0; n < 3; n++) values.push((await records.next()).value?.value);
    expect(values).toEqual([46, 52, 58]);
    consumer.resume(consumer.assignment);
    const rest: number[] = [];
    while (rest.length < 49) rest.push((await records.next()).value?.value ?? -1);
    expect(new Set(rest.map((value) => value % PARTITIONS))).toEqual(new Set([0, 1, 2, 3, 5]));
    await consumer.close();
  });
});

describe('single steps', () => {
  it('end with a commit, and with partitions that are free at once', async () => {
    await write(0, 12);
    const consumer = consumerOf();
    const { records, state } = await consumer.poll({ waitMs: 0 });
    await consumer.leave(state);
    expect(records).toHaveLength(12);
    expect((await client.groups.describe(`billing-${tests}`)).members).toEqual([]);
    await write(12, 18);
    const next = await consumerOf().poll({ waitMs: 0 });
    expect(sorted(next.records.map(({ value }) => value ?? -1))).toEqual([12, 13, 14, 15, 16, 17]);
  });

  it('go on in another process from what was saved', async () => {
    await write(0, 30);
    const seen: number[] = [];
    let state: string | undefined;
    for (let step = 0; step < 4; step++) {
      const { records, ...next } = await consumerOf().poll({
        maxRecords: 10,
        waitMs: 0,
        ...(state !== undefined && { state: JSON.parse(state) as typeof next.state }),
      });
      for (const { value } of records) seen.push(value ?? -1);
      state = JSON.stringify(next.state);
    }
    expect(sorted(seen)).toEqual(upTo(30));
    const committed = await client.committedOffsets(`billing-${tests}`);
    expect(committed.reduce((sum, { offset }) => sum + offset, 0)).toBe(30);
  });
});

it('subscribes to all topics that match, those to come included', { timeout: 60_000 }, async () => {
  const prefix = `many-${tests}`;
  await client.topics.create(`${prefix}.a`);
  await client.produce(`${prefix}.a`, [{ value: 1 }]);
  const consumer = client.consumer({
    group: prefix,
    pattern: new RegExp(`^${prefix}\\.`),
    autoOffsetReset: 'earliest',
    valueDeserializer: json<number>(),
    waitMs: 1_000,
  });
  const seen: number[] = [];
  const running = follow(consumer, seen);
  await until(() => seen.length === 1);
  await client.topics.create(`${prefix}.b`);
  await client.produce(`${prefix}.b`, [{ value: 2 }]);
  // Groups look for such topics every few seconds, which take longer on a busy machine.
  await until(() => seen.length === 2, 45_000);
  await consumer.close();
  await running;
  expect(seen).toEqual([1, 2]);
});

describe('transactions with what was read', () => {
  const copy = async (from: MillraceClient, consumer: Consumer<Text, number>, to: string): Promise<void> => {
    for await (const batch of consumer.batches()) {
      await from.transaction(async (transaction) => {
        await transaction.send({ topic: to, records: batch.records.map(({ value }) => ({ value })) });
        transaction.commitOffsets(batch.groupOffsets());
      });
    }
  };

  it('write everything once, though members come, crash in the middle and leave', async () => {
    const to = `${topic}-copies`;
    await client.topics.create(to);
    let requests = 0;
    const cut = new AbortController();
    // Its seventh transaction is done, and nobody hears of it: the member is gone from then on.
    const crashing = createClient({
      url: server.url,
      attemptsMax: 1,
      fetch: async (url, init) => {
        const answer = cut.signal.aborted ? new Promise<Response>(() => {}) : fetch(url, init);
        if (!(url as string).endsWith('/v1/transactions') || ++requests < 7) return answer;
        cut.abort();
        await answer;
        throw new TypeError('the connection was closed');
      },
    });
    const options = { commit: 'manual', maxRecords: 5 } as const;
    const [one, two] = [consumerOf(options, crashing), consumerOf(options)];
    const crash = copy(crashing, one, to).catch((error: unknown) => error);
    const running = copy(client, two, to);
    await until(() => one.assignment.length === 3 && two.assignment.length === 3);
    await write(0, 300);
    expect(await crash).toMatchObject({ code: 'NETWORK_ERROR', effect: 'unknown' });
    const three = consumerOf(options);
    const joined = copy(client, three, to);
    const written = async () => (await client.offsets(to, 0, { timestamp: 'latest' })).offset ?? 0;
    for (const endMs = Date.now() + 25_000; (await written()) < 300 && Date.now() < endMs; ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await Promise.all([two.close(), three.close(), one.close({ timeoutMs: 1 }).catch(() => {})]);
    await Promise.all([running, joined]);
    const { records } = await client.fetch(to, 0, { offset: 'earliest', as: 'json', maxRecords: 1_000 });
    expect(sorted(records.map(({ value }) => Number(value)))).toEqual(upTo(300));
  }, 60_000);

  it('are refused to a member that was taken for dead', async () => {
    await write(0, 6);
    const consumer = consumerOf({ commit: 'manual' });
    const { value: batch } = await consumer.batches().next();
    const offsets = batch?.groupOffsets() ?? { group: '', offsets: [] };
    await consumer.close();
    const late = client.transaction(async (transaction) => {
      await transaction.send({ topic, records: [{ value: 99, partition: 0 }] });
      transaction.commitOffsets(offsets);
    });
    await expect(late).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID', effect: 'none' });
    expect(() => batch?.groupOffsets()).toThrow('not, or no longer, assigned');
  });
});
