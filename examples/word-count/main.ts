/**
 * `npm run demo:words`: exactly-once word counts, by a worker that is killed a hundred times.
 *
 * Film titles (the vega-datasets package) go into one topic; a worker (worker.ts) reads them, and writes the words of each
 * batch and its position in one transaction. It is killed with SIGKILL at moments of chance and started again. In the end
 * the counts in the topic of words, added up, must be those of the titles that were written, word for word.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createClient, type MillraceClient } from '../../lib/client/public.ts';
import { countWords } from './count-words.ts';

const HELP = `Usage: npm run demo:words -- [options]

  --url URL        of a running server (default http://127.0.0.1:8080, or MILLRACE_URL)
  --api-key KEY    the secret of a key that may do everything (default MILLRACE_API_KEY)
  --kills N        how often the worker is killed (default 100)
`;
const PARTITIONS = 4;
const TITLES_PER_REQUEST = 100;
const FEED_PAUSE_MS = 40;
/** A killed worker has had up to so long since it began to count. */
const LIFE_MS_MAX = 200;
const START_MS_MAX = 60_000;
const DRAIN_MS_MAX = 120_000;
const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

const flags = readFlags();

if (flags.help) process.stdout.write(HELP);
else process.exitCode = await demo(createClient({ url: flags.url, apiKey: flags['api-key'] }), Number(flags.kills));

function readFlags() {
  try {
    return parseArgs({
      options: {
        url: { type: 'string', default: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' },
        'api-key': { type: 'string', default: process.env['MILLRACE_API_KEY'] },
        kills: { type: 'string', default: '100' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    // Only the first of its sentences says what is wrong.
    console.error(`${(error as Error).message.split('. ', 1)[0]}; see --help`);
    process.exit(2);
  }
}

async function demo(client: MillraceClient, kills: number): Promise<number> {
  if (!Number.isInteger(kills) || kills < 0) {
    console.error(`--kills must be a whole number from 0, not ${flags.kills}; see --help`);
    return 2;
  }
  const run = randomUUID().slice(0, 8);
  const topics = { lines: `lines-${run}`, words: `words-${run}` };
  for (const topic of Object.values(topics)) await client.topics.create(topic, { partitions: PARTITIONS });
  const feed = startFeed(client, topics.lines, await loadTitles());
  for (let killed = 0; killed < kills; killed++) {
    await runAndKill(topics);
    bar('killed', killed + 1, kills);
  }
  const titles = await feed.stop();
  await drain(client, topics);
  return compare(countWords(titles), await readCounts(client, topics.words), { titles: titles.length, kills });
}

async function loadTitles(): Promise<string[]> {
  const file = new URL('../data/movies.json', import.meta.resolve('vega-datasets'));
  const rows = JSON.parse(await readFile(file, 'utf8')) as { Title: string | number | null }[];
  return rows.map(({ Title }) => String(Title));
}

/** Writes titles, over and over, until it is stopped; then says which. */
function startFeed(client: MillraceClient, topic: string, titles: readonly string[]) {
  const written: string[] = [];
  const stopping = new AbortController();
  const feeding = (async () => {
    for (let next = 0; !stopping.signal.aborted || next === 0; next = (next + TITLES_PER_REQUEST) % titles.length) {
      const chunk = titles.slice(next, next + TITLES_PER_REQUEST);
      const results = await client.produce(
        topic,
        chunk.map((title) => ({ key: title, value: title })),
      );
      for (const result of results) if ('error' in result) throw result.error;
      written.push(...chunk);
      await sleep(FEED_PAUSE_MS);
    }
  })();
  const stop = async () => {
    stopping.abort();
    await feeding;
    return written;
  };
  return { stop };
}

interface Topics {
  lines: string;
  words: string;
}

/** A worker that has begun to count. */
async function startWorker({ lines, words }: Topics): Promise<ChildProcess> {
  const secret = flags['api-key'] === undefined ? [] : [flags['api-key']];
  const worker = spawn(process.execPath, [WORKER, flags.url, lines, words, ...secret], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ready = once(worker.stdout, 'data').then(() => true);
  const failed = once(worker, 'exit').then(() => false);
  const late = sleep(START_MS_MAX, false, { ref: false });
  if (await Promise.race([ready, failed, late])) return worker;
  worker.kill('SIGKILL');
  throw new Error('the worker did not begin to count');
}

async function runAndKill(topics: Topics): Promise<void> {
  const worker = await startWorker(topics);
  await sleep(randomInt(LIFE_MS_MAX));
  await stop(worker);
}

async function stop(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null) throw new Error(`the worker ended by itself, with ${worker.exitCode}`);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
}

/** Lets a last worker count what is left. */
async function drain(client: MillraceClient, topics: Topics): Promise<void> {
  const ends = await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      const { offset } = await client.offsets(topics.lines, partition, { timestamp: 'latest' });
      return offset ?? 0;
    }),
  );
  const total = ends.reduce((sum, end) => sum + end, 0);
  const worker = await startWorker(topics);
  const deadline = Date.now() + DRAIN_MS_MAX;
  for (let done = 0; done < total; ) {
    if (Date.now() > deadline) throw new Error(`only ${done} of ${total} titles were counted in time`);
    await sleep(100);
    const committed = await client.committedOffsets(`count-${topics.lines}`);
    done = committed.reduce((sum, { offset }) => sum + offset, 0);
    bar('counted', done, total);
  }
  await stop(worker);
}

/** The counts of all transactions, added up. */
async function readCounts(client: MillraceClient, words: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let offset = 0; ; ) {
      const { records, nextOffset, highWatermark } = await client.fetch(words, partition, {
        offset,
        maxRecords: 10_000,
        maxBytes: 4 * 1024 * 1024,
      });
      for (const { key, value } of records) {
        const word = String(key);
        counts.set(word, (counts.get(word) ?? 0) + Number(value));
      }
      offset = nextOffset;
      if (offset >= highWatermark) break;
    }
  }
  return counts;
}

function compare(
  direct: ReadonlyMap<string, number>,
  counted: ReadonlyMap<string, number>,
  { titles, kills }: { titles: number; kills: number },
): number {
  const sum = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((total, count) => total + count, 0);
  console.log(`${titles} titles, ${kills} kills`);
  console.log(`counted directly: ${sum(direct)} words, ${direct.size} different`);
  console.log(`by the worker:    ${sum(counted)} words, ${counted.size} different`);
  const wrong = [...new Set([...direct.keys(), ...counted.keys()])].filter(
    (word) => direct.get(word) !== counted.get(word),
  );
  for (const word of wrong.slice(0, 10)) {
    console.log(`  ${word}: ${direct.get(word) ?? 0} directly, ${counted.get(word) ?? 0} by the worker`);
  }
  console.log(wrong.length === 0 ? 'All counts are equal.' : `MISMATCH: ${wrong.length} words`);
  return wrong.length === 0 ? 0 : 1;
}

function bar(what: string, done: number, total: number): void {
  const width = 30;
  const filled = total === 0 ? width : Math.round((done / total) * width);
  const line = `${what.padEnd(9)} [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done}/${total}`;
  if (process.stderr.isTTY) process.stderr.write(`\r${line}${done >= total ? '\n' : ''}`);
  else if (done >= total) process.stderr.write(`${line}\n`);
}
