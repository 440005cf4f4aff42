/**
 * `npm run demo:group`: a group of consumers, each a process (consumer.ts), that are killed with SIGKILL, told to end, and
 * joined by new ones at moments of chance while records flow. In the end every record must have been delivered, each
 * partition's in order as long as one consumer had it, and no partition to two at a time.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createClient, type MillraceClient } from '../../lib/client/public.ts';
import { check, valueAt } from './check.ts';
import { Crew } from './crew.ts';

const HELP = `Usage: npm run demo:group -- [options]

  --url URL        of a running server (default http://127.0.0.1:8080, or MILLRACE_URL)
  --api-key KEY    the secret of a key that may do everything (default MILLRACE_API_KEY)
  --seconds N      how long records flow and consumers are killed (default 180)
  --records N      how many records (default 100000)
  --consumers N    how many at a time (default 4)
`;
const PARTITIONS = 12;
/** The shortest that a group takes: how long the partitions of a killed consumer wait for another. */
const SESSION_MS = 6_000;
/** Between two events, … */
const PAUSE_MS_MAX = 3_000;
/** … and until somebody comes in place of who is gone. */
const ABSENCE_MS_MAX = 4_000;
const CHUNKS_PER_SECOND = 20;
const DRAIN_MS_MAX = 120_000;

const flags = readFlags();
const numbers = [flags.seconds, flags.records, flags.consumers].map(Number);

if (flags.help) process.stdout.write(HELP);
else if (numbers.some((number) => !Number.isInteger(number) || number < 1)) {
  console.error('--seconds, --records and --consumers must be whole numbers from 1; see --help');
  process.exitCode = 2;
} else process.exitCode = await demo(createClient({ url: flags.url, apiKey: flags['api-key'] }), numbers);

function readFlags() {
  try {
    return parseArgs({
      options: {
        url: { type: 'string', default: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' },
        'api-key': { type: 'string', default: process.env['MILLRACE_API_KEY'] },
        seconds: { type: 'string', default: '180' },
        records: { type: 'string', default: '100000' },
        consumers: { type: 'string', default: '4' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    // Only the first of its sentences says what is wrong.
    console.error(`${(error as Error).message.split('. ', 1)[0]}; see --help`);
    process.exit(2);
  }
}

async function demo(client: MillraceClient, [seconds = 0, records = 0, count = 0]: number[]): Promise<number> {
  const topic = `flow-${randomUUID().slice(0, 8)}`;
  await client.topics.create(topic, { partitions: PARTITIONS });
  const crew = new Crew([
    flags.url,
    topic,
    `${topic}-readers`,
    `${SESSION_MS}`,
    ...(flags['api-key'] === undefined ? [] : [flags['api-key']]),
  ]);
  try {
    for (let n = 0; n < count; n++) crew.start();
    const flowing = new AbortController();
    const chaos = disturb(crew, flowing.signal);
    const ends = await produce(client, { topic, seconds, records });
    flowing.abort();
    await chaos;
    await drained(client, topic, records);
    await crew.dismiss();
    return report(crew, ends);
  } finally {
    crew.killAll();
  }
}

async function disturb(crew: Crew, flowing: AbortSignal): Promise<void> {
  while (!flowing.aborted) {
    await sleep(randomInt(PAUSE_MS_MAX));
    if (crew.living.size > 1) await crew.endOne();
    await sleep(randomInt(ABSENCE_MS_MAX));
    crew.start();
  }
}

/** Writes the records evenly over the time; returns how many each partition has. */
async function produce(
  client: MillraceClient,
  { topic, seconds, records }: { topic: string; seconds: number; records: number },
): Promise<number[]> {
  const ends = Array.from({ length: PARTITIONS }, () => 0);
  const chunks = seconds * CHUNKS_PER_SECOND;
  const startMs = performance.now();
  await using producer = client.producer<string, string>();
  for (let chunk = 1, written = 0; chunk <= chunks; chunk++) {
    const due = Math.round((records * chunk) / chunks);
    const batch = Array.from({ length: due - written }, () => {
      const partition = randomInt(PARTITIONS);
      const offset = ends[partition] ?? 0;
      ends[partition] = offset + 1;
      return { partition, value: valueAt(partition, offset) };
    });
    await producer.send({ topic, records: batch });
    written = due;
    bar('written', written, records);
    await sleep(Math.max(0, startMs + (chunk * 1_000) / CHUNKS_PER_SECOND - performance.now()));
  }
  return ends;
}

/** Waits until the group has committed all there is. */
async function drained(client: MillraceClient, topic: string, records: number): Promise<void> {
  const deadline = performance.now() + DRAIN_MS_MAX;
  for (let done = 0; done < records; ) {
    if (performance.now() > deadline) throw new Error(`only ${done} of ${records} records were committed in time`);
    await sleep(100);
    const committed = await client.committedOffsets(`${topic}-readers`);
    done = committed.reduce((sum, { offset }) => sum + offset, 0);
    bar('read', done, records);
  }
}

function report(crew: Crew, ends: readonly number[]): number {
  const logs = crew.logs.map((log) =>
    log
      .slice(0, log.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1),
  );
  const { faults, delivered, repeated, tenures } = check(logs, ends);
  console.log(
    `${logs.length} consumers: ${crew.kills} killed, ${crew.leaves} told to end and ${tenures} changes of owner`,
  );
  console.log(`${delivered} records delivered, ${repeated} of them again after a kill`);
  for (const fault of faults.slice(0, 10)) console.log(`  ${fault}`);
  console.log(
    faults.length === 0
      ? 'Every record was delivered, in order, and no partition had two owners.'
      : `MISMATCH: ${faults.length} faults`,
  );
  return faults.length === 0 ? 0 : 1;
}

function bar(what: string, done: number, total: number): void {
  const width = 30;
  const filled = Math.round((done / total) * width);
  const line = `${what.padEnd(9)} [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done}/${total}`;
  if (process.stderr.isTTY) process.stderr.write(`\r${line}${done >= total ? '\n' : ''}`);
  else if (done >= total) process.stderr.write(`${line}\n`);
}
