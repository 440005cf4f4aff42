/**
 * `npm run demo:compaction`: what a new consumer reads of a compacted topic is the table that all of its updates make.
 *
 * A server on embedded stores of its own takes a million updates of keys, in random order, from the SDK's producer; one in
 * twenty deletes its key. Then the maintenance that every server does now and then merges and compacts the topic. A consumer that
 * knows nothing yet reads what is left, and has to come to the table that was kept while writing, key for key.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { compactTopics } from '../../lib/broker/lifecycle/compact-topics.ts';
import { mergeLedgers } from '../../lib/broker/lifecycle/merge-ledgers.ts';
import { createClient, type MillraceClient, text } from '../../lib/client/public.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { randomBelow, systemRandom } from '../../lib/kernel/random.ts';
import { createLogger } from '../../lib/local/logger.ts';
import { type LocalOptions, parseCommand } from '../../lib/local/options.ts';
import { startServer } from '../../lib/local/server.ts';
import { openStores } from '../../lib/local/stores.ts';

const HELP = `Usage: npm run demo:compaction -- [options]

  --updates N      how many are written (default 1000000)
  --keys N         of how many keys (default a tenth of it)
`;
const TOPIC = 'table';
const PARTITIONS = 4;
/** The topic is merged and compacted by the first maintenance after this. */
const LAG_MS = 1_000;
const CONTEXT = { clock: systemClock, random: systemRandom, log: createLogger(systemClock, () => {}) };

/** What its key was last set to; a key that was deleted is in none. */
type Table = Map<string, string>;

const flags = readFlags();
if (flags.help) process.stdout.write(HELP);
else process.exitCode = await demo(Number(flags.updates), Number(flags.keys ?? Math.ceil(Number(flags.updates) / 10)));

function readFlags() {
  try {
    const options = { updates: { type: 'string', default: '1000000' }, keys: { type: 'string' } } as const;
    return parseArgs({ options: { ...options, help: { type: 'boolean', default: false } } }).values;
  } catch (error) {
    // Only the first of its sentences says what is wrong.
    console.error(`${(error as Error).message.split('. ', 1)[0]}; see --help`);
    process.exit(2);
  }
}

async function demo(updates: number, keys: number): Promise<number> {
  if (![updates, keys].every((count) => Number.isSafeInteger(count) && count > 0)) {
    console.error('--updates and --keys must be whole numbers from 1; see --help');
    return 2;
  }
  const directory = await mkdtemp(join(tmpdir(), 'millrace-compaction-'));
  try {
    const command = parseCommand({ args: [`--data=${directory}`, '--port=0'], env: {}, readFile: () => '' });
    if (command.command !== 'serve') throw new TypeError('the options are no server');
    const { options } = command;
    const written = await timed(`${updates} updates of ${keys} keys written`, () =>
      served(options, (client) => write(client, updates, keys)),
    );
    await timed('merged and compacted', () => mergeAndCompact(options));
    const read = await timed('read by a new consumer', () => served(options, readTable));
    return compare(written, read, updates);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await work();
  console.log(`${what} in ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  return result;
}

async function served<T>(options: LocalOptions, work: (client: MillraceClient) => Promise<T>): Promise<T> {
  const server = await startServer(options, CONTEXT);
  try {
    return await work(createClient({ url: server.url }));
  } finally {
    await server.close();
  }
}

async function write(client: MillraceClient, updates: number, keys: number): Promise<Table> {
  await client.topics.create(TOPIC, {
    partitions: PARTITIONS,
    config: {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0',
      'max.compaction.lag.ms': String(LAG_MS),
    },
  });
  const table: Table = new Map();
  const failures: Error[] = [];
  const producer = client.producer<string, string>({
    keySerializer: text(),
    valueSerializer: text(),
    onDelivery: ({ error }) => {
      if (error !== undefined) failures.push(error);
    },
  });
  for (let update = 0; update < updates && failures.length === 0; update++) {
    const key = `key ${randomBelow(systemRandom, keys)}`;
    const value = randomBelow(systemRandom, 20) === 0 ? null : `update ${update}`;
    if (value === null) table.delete(key);
    else table.set(key, value);
    // In one partition records of a key keep the order in which they are sent.
    const sent = producer.send({ topic: TOPIC, records: [{ key, value }] });
    if (update % 1_000 === 0) await sent;
    else sent.catch(() => {}); // told by onDelivery
  }
  await producer.flush();
  await producer.close();
  for (const error of failures) throw error;
  return table;
}

/** What of the maintenance makes the table: of two chores that every server does now and then, the one after the other. */
async function mergeAndCompact(options: LocalOptions): Promise<void> {
  await systemClock.sleep(LAG_MS);
  const stores = await openStores(options, { ...CONTEXT, baseUrl: () => '' });
  try {
    const broker = createBroker({ ...stores, compression: nodeCompression, ...CONTEXT });
    await mergeLedgers(broker);
    await compactTopics(broker);
  } finally {
    await stores.close();
  }
}

async function readTable(client: MillraceClient): Promise<{ table: Table; records: number }> {
  const { partitionDetails } = await client.topics.describe(TOPIC);
  // The newest record of all is the newest of its key, and so is never compacted away.
  const waiting = new Map(partitionDetails.map(({ partition, highWatermark }) => [partition, highWatermark - 1]));
  for (const [partition, last] of waiting) if (last < 0) waiting.delete(partition);
  const table: Table = new Map();
  let records = 0;
  const enough = new AbortController();
  const consumer = client.consumer({
    group: 'new',
    topics: [TOPIC],
    autoOffsetReset: 'earliest',
    keyDeserializer: text(),
    valueDeserializer: text(),
    signal: enough.signal,
  });
  for await (const { key, value, partition, offset } of consumer.records()) {
    records++;
    if (value === null) table.delete(String(key));
    else table.set(String(key), value);
    if (offset === waiting.get(partition)) waiting.delete(partition);
    if (waiting.size === 0) enough.abort();
  }
  return { table, records };
}

function compare(written: Table, { table, records }: { table: Table; records: number }, updates: number): number {
  const wrong = [...written].filter(([key, value]) => table.get(key) !== value).length;
  const extra = [...table.keys()].filter((key) => !written.has(key)).length;
  console.log(`${records} of ${updates} records are left; they make a table of ${table.size} keys`);
  if (wrong === 0 && extra === 0 && records < updates) {
    console.log('equal: the same table as of all updates');
    return 0;
  }
  const missing = records < updates ? '' : ', and nothing was compacted away';
  console.error(`DIFFERENT: ${wrong} keys are missing or wrong, ${extra} are there that were deleted${missing}`);
  return 1;
}
