/**
 * `npm run demo`: 20,000 real flights (the vega-datasets package) through a running server and back.
 *
 * Each flight is a record keyed by its origin airport, so all flights from one airport keep their order in one of six
 * partitions. The demo notes where every record was acked, fetches the whole topic, and compares: what this run wrote
 * must be where its acks said, and what earlier runs wrote must still be whole.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createClient, type MillraceClient } from '../lib/client/public.ts';

const HELP = `Usage: npm run demo -- [options]

  --url URL        of a running server (default http://127.0.0.1:8080, or MILLRACE_URL)
  --api-key KEY    secret or id:secret (default MILLRACE_API_KEY)
  --topic NAME     default flights
`;
const PARTITIONS = 6;
const RECORDS_PER_REQUEST = 500;
const REQUESTS_IN_FLIGHT = 4;

interface Flight {
  origin: string;
  /** The flight as the data set has it, as JSON text. */
  text: string;
}

/** A record with its place: what is compared. */
interface Line {
  partition: number;
  offset: number;
  key: string;
  value: string;
}

const flags = readFlags();

if (flags.help) {
  process.stdout.write(HELP);
} else {
  process.exitCode = await demo(createClient({ url: flags.url, apiKey: flags['api-key'] }), flags.topic);
}

function readFlags() {
  try {
    return parseArgs({
      options: {
        url: { type: 'string', default: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' },
        'api-key': { type: 'string', default: process.env['MILLRACE_API_KEY'] },
        topic: { type: 'string', default: 'flights' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    // Only the first of its sentences says what is wrong.
    console.error(`${(error as Error).message.split('. ', 1)[0]}; see --help`);
    process.exit(2);
  }
}

async function demo(client: MillraceClient, topic: string): Promise<number> {
  const flights = await loadFlights();
  await ensureTopic(client, topic);
  const run = randomUUID();
  const sent = await produceAll(client, topic, flights, run);
  const runs = await fetchAll(client, topic);
  const got = runs.get(run) ?? [];
  runs.delete(run);

  console.log('partition     sent  fetched');
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const count = (lines: readonly Line[]) => String(lines.filter((line) => line.partition === partition).length);
    console.log(`${String(partition).padStart(9)} ${count(sent).padStart(8)} ${count(got).padStart(8)}`);
  }
  console.log(`    total ${String(sent.length).padStart(8)} ${String(got.length).padStart(8)}`);
  const [sentSum, gotSum] = [checksumOf(sent), checksumOf(got)];
  console.log(`sent    sha256 ${sentSum}`);
  console.log(`fetched sha256 ${gotSum}`);
  const earlier = reportEarlierRuns(runs, flights);
  const matches = sentSum === gotSum && got.length === flights.length;
  console.log(matches && earlier ? 'Counts and checksum match.' : 'MISMATCH');
  return matches && earlier ? 0 : 1;
}

async function loadFlights(): Promise<Flight[]> {
  const file = new URL('../data/flights-20k.json', import.meta.resolve('vega-datasets'));
  const rows = JSON.parse(await readFile(file, 'utf8')) as { origin: string }[];
  return rows.map((row) => ({ origin: row.origin, text: JSON.stringify(row) }));
}

async function ensureTopic(client: MillraceClient, topic: string): Promise<void> {
  try {
    await client.topics.create(topic, { partitions: PARTITIONS });
    console.log(`Created topic ${topic} with ${PARTITIONS} partitions.`);
  } catch (error) {
    if ((error as { code?: string }).code !== 'TOPIC_ALREADY_EXISTS') throw error;
    console.log(`Topic ${topic} is there already; this run adds to it.`);
  }
}

/** Writes all flights, a few requests at a time; resolves with every record where its ack said it is. */
async function produceAll(
  client: MillraceClient,
  topic: string,
  flights: readonly Flight[],
  run: string,
): Promise<Line[]> {
  const lines: Line[] = [];
  let next = 0;
  const worker = async () => {
    while (next < flights.length) {
      const chunk = flights.slice(next, (next += RECORDS_PER_REQUEST));
      const records = chunk.map(({ origin, text }) => ({ key: origin, value: text, headers: { run } }));
      const results = await client.produce(topic, records);
      for (const [index, result] of results.entries()) {
        if ('error' in result) throw result.error;
        const { origin, text } = chunk[index] as Flight;
        lines.push({ partition: result.partition, offset: result.offset as number, key: origin, value: text });
      }
      bar('produced', lines.length, flights.length);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, worker));
  return lines;
}

/** The whole topic, by the run that wrote each record. */
async function fetchAll(client: MillraceClient, topic: string): Promise<Map<string, Line[]>> {
  const ends = await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      const { offset } = await client.offsets(topic, partition, { timestamp: 'latest' });
      return offset ?? 0;
    }),
  );
  const total = ends.reduce((sum, end) => sum + end, 0);
  const runs = new Map<string, Line[]>();
  let fetched = 0;
  for (const [partition, end] of ends.entries()) {
    for (let offset = 0; offset < end; ) {
      const answer = await client.fetch(topic, partition, { offset, maxRecords: 5_000, maxBytes: 4 * 1024 * 1024 });
      for (const record of answer.records) {
        const run = String(record.headers.find(({ key }) => key === 'run')?.value ?? 'someone else');
        const lines = runs.get(run) ?? [];
        runs.set(run, lines);
        lines.push({ partition, offset: record.offset, key: String(record.key), value: String(record.value) });
      }
      fetched += answer.nextOffset - offset;
      offset = answer.nextOffset;
      bar('fetched', fetched, total);
    }
  }
  return runs;
}

/** Earlier runs that ended must be whole; one that was cut off is named and may be a part. */
function reportEarlierRuns(runs: ReadonlyMap<string, readonly Line[]>, flights: readonly Flight[]): boolean {
  const expected = contentOf(flights.map(({ origin, text }) => `${origin}\t${text}`));
  let sound = true;
  for (const [run, lines] of runs) {
    const whole = lines.length >= flights.length;
    const same = contentOf(lines.map(({ key, value }) => `${key}\t${value}`)) === expected;
    if (whole && !same) sound = false;
    const verdict = same ? 'whole' : whole ? 'DIFFERENT' : 'was cut off';
    console.log(`earlier run ${run}: ${lines.length} records, ${verdict}`);
  }
  return sound;
}

/** Of records with their places. */
function checksumOf(lines: readonly Line[]): string {
  const sorted = lines.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
  return contentOf(
    sorted.map(({ partition, offset, key, value }) => `${partition}\t${offset}\t${key}\t${value}`),
    true,
  );
}

function contentOf(lines: readonly string[], ordered = false): string {
  const hash = createHash('sha256');
  for (const line of ordered ? lines : lines.toSorted()) hash.update(line).update('\n');
  return hash.digest('hex');
}

function bar(what: string, done: number, total: number): void {
  const width = 30;
  const filled = total === 0 ? width : Math.round((done / total) * width);
  const line = `${what.padEnd(9)} [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done}/${total}`;
  if (process.stderr.isTTY) process.stderr.write(`\r${line}${done >= total ? '\n' : ''}`);
  else if (done >= total) process.stderr.write(`${line}\n`);
}
