/**
 * A partition's history by the client's reader, which gets it from the store, against whoever knows beforehand what to
 * read there.
 */
import { join } from 'node:path';
import type { JsonPlan } from '../../lib/client/api.ts';
import { createClient } from '../../lib/client/client.ts';
import { type Figure, type Report, show } from '../figure.ts';
import { mergeDirectory } from '../lifecycle/merge-directory.ts';
import type { HistoryJob, HistoryRange, HistoryResult, Way } from '../load/history-reader.ts';
import type { Part, PartContext } from '../part.ts';
import { rawBatch } from '../payloads.ts';
import { runProgram, type Server } from '../processes/child.ts';
import { createTopic, startMillrace } from '../processes/millrace.ts';
import { median, pairedRatio } from '../statistics.ts';

const MIB = 1024 * 1024;
/** A range of the plan, as merged history has them but for what does not fit a whole batch. */
const RANGE_BYTES = 4 * MIB;
const BATCH_BYTES = MIB;
const RECORDS_PER_BATCH = 1_000;
const RANGES = 64;
const BOUND = 0.7;
const TOPIC = 'history';

const WAYS: Record<Way, string> = {
  'sdk-batches': 'client.reader(), stored batches, from the store',
  'sdk-records': 'client.reader(), records, from the store',
  'fetch-batches': 'the same batches by ordinary fetches',
  'fetch-records': 'the same records by ordinary fetches',
  'store-http': 'the ranges by their URLs, 4 at a time, unlooked at',
  'store-files': 'the ranges by getRange from the files, 4 at a time',
};

export const directRead: Part = {
  name: 'direct-read',
  summary: `MB/s of ${(RANGES * RANGE_BYTES) / MIB} MiB of history by the client's reader, against reading the same ranges from the store`,
  run: async (context) => {
    const server = await startMillrace(context);
    let flushes: Report;
    try {
      context.progress(`writing ${RANGES} ranges of ${RANGE_BYTES / MIB} MiB`);
      await fill(server);
      flushes = await reading(context, server, 'history');
    } finally {
      await server.stop();
    }
    context.progress('merging them');
    const segments = await mergeDirectory(join(context.directory, 'data'), TOPIC);
    context.progress(`${segments} segments`);
    const again = await startMillrace(context);
    try {
      const merged = await reading(context, again, 'merged history');
      return {
        figures: [...flushes.figures, ...merged.figures],
        tables: [...(flushes.tables ?? []), ...(merged.tables ?? [])],
      };
    } finally {
      await again.stop();
    }
  },
};

/** Each way of reading it, in alternating rounds. */
async function reading(context: PartContext, server: Server, what: string): Promise<Report> {
  const ranges = await rangesOf(server);
  const objects = join(context.directory, 'data', 'objects');
  // Compared ones next to each other, and each of two first in every other round: the machine has other work to do, now
  // and then.
  const rates: Record<Way, number[]> = {
    'sdk-records': [],
    'sdk-batches': [],
    'store-http': [],
    'fetch-batches': [],
    'fetch-records': [],
    'store-files': [],
  };
  const ways = Object.keys(rates) as Way[];
  const cpus = Object.fromEntries(ways.map((way) => [way, [] as number[]])) as Record<Way, number[]>;
  for (let round = 1; round <= context.rounds; round++) {
    for (const way of round % 2 === 1 ? ways : ways.toReversed()) {
      const { bytes, cpuSeconds, seconds } = await readBy({ way, port: server.port, topic: TOPIC, objects, ranges });
      rates[way].push(bytes / seconds);
      cpus[way].push((cpuSeconds / bytes) * 1e9);
      const rate = (bytes / seconds / 1e6).toFixed(0);
      context.progress(`${what}, round ${round} of ${context.rounds}, ${way}: ${rate} MB/s`);
    }
  }
  const figure = (name: string, way: Way, baseline: Way): Figure => ({
    name: `${what} ${name}`,
    value: pairedRatio(rates[way], rates[baseline]),
    show: show.ratio,
  });
  const direct = figure('by the reader, batches, against the store over HTTP', 'sdk-batches', 'store-http');
  return {
    figures: [
      { ...direct, bound: { kind: 'at-least', value: BOUND } },
      {
        name: `${what} by the reader, batches: CPU of the store over HTTP, against it`,
        value: pairedRatio(cpus['store-http'], cpus['sdk-batches']),
        show: show.ratio,
      },
      figure('by the reader, records, against the store over HTTP', 'sdk-records', 'store-http'),
      figure('by the reader, batches, against getRange in the process', 'sdk-batches', 'store-files'),
      figure('by the reader, batches, against ordinary fetches', 'sdk-batches', 'fetch-batches'),
      figure('by the reader, records, against ordinary fetches', 'sdk-records', 'fetch-records'),
    ],
    tables: [
      {
        title: `${(RANGES * RANGE_BYTES) / MIB} MiB of ${what} in ${ranges.length} ranges, records of 1 KiB`,
        columns: ['', 'MB/s', 'CPU ms a MB'],
        rows: ways.map((way) => [WAYS[way], (median(rates[way]) / 1e6).toFixed(0), median(cpus[way]).toFixed(2)]),
      },
    ],
  };
}

async function fill({ port }: Server): Promise<void> {
  await createTopic({ port } as Server, TOPIC, 1);
  const client = createClient({ url: `http://127.0.0.1:${port}` });
  const count = RANGE_BYTES / BATCH_BYTES;
  const bytes = new Uint8Array(RANGE_BYTES);
  for (let index = 0; index < count; index++)
    bytes.set(rawBatch(BATCH_BYTES, RECORDS_PER_BATCH, index), index * BATCH_BYTES);
  for (let range = 0; range < RANGES; range++) await client.produceBatches(TOPIC, 0, bytes);
}

async function rangesOf({ port }: Server): Promise<HistoryRange[]> {
  const ranges: HistoryRange[] = [];
  for (let offset = 0; ; ) {
    const path = `/v1/topics/${TOPIC}/partitions/0/plan?offset=${offset}&max_bytes=${RANGES * RANGE_BYTES}`;
    const plan = (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as JsonPlan;
    for (const segment of plan.segments) {
      if (!('url' in segment)) throw new Error('history came inline');
      const { url, headers } = segment;
      const { pathname, searchParams } = new URL(url);
      const [first = 0, last = 0] = (searchParams.get('range') ?? '').split('-').map(Number);
      ranges.push({ name: pathname.replace('/v1/objects/', ''), start: first, end: last + 1, url, headers });
    }
    if (plan.next_offset === offset) return ranges;
    offset = plan.next_offset;
  }
}

async function readBy(job: HistoryJob): Promise<HistoryResult> {
  const output = await runProgram(new URL('../load/history-reader.ts', import.meta.url), JSON.stringify(job));
  const result = JSON.parse(output) as HistoryResult;
  const expected = RANGES * RANGE_BYTES;
  // Values alone are a little less than the batches.
  if (result.bytes < expected * 0.9) throw new Error(`${job.way} read ${result.bytes} bytes instead of ${expected}`);
  return result;
}
