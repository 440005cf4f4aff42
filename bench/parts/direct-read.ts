/** A partition's history by the client's reader, which gets it from the store, against whoever knows beforehand what to read there. */
import { join } from 'node:path';
import type { JsonPlan } from '../../lib/client/api.ts';
import { createClient } from '../../lib/client/client.ts';
import { show } from '../figure.ts';
import type { HistoryJob, HistoryRange, HistoryResult, Way } from '../load/history-reader.ts';
import type { Part } from '../part.ts';
import { rawBatch } from '../payloads.ts';
import { runProgram, type Server } from '../processes/child.ts';
import { createTopic, startMillrace } from '../processes/millrace.ts';
import { median, pairedRatio } from '../statistics.ts';

const MIB = 1024 * 1024;
/** A range of the plan, as merged history has them. */
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
    try {
      context.progress(`writing ${RANGES} ranges of ${RANGE_BYTES / MIB} MiB`);
      await fill(server);
      const ranges = await rangesOf(server);
      const objects = join(context.directory, 'data', 'objects');
      const rates: Record<Way, number[]> = {
        'sdk-batches': [],
        'sdk-records': [],
        'fetch-batches': [],
        'fetch-records': [],
        'store-http': [],
        'store-files': [],
      };
      const cpus: Partial<Record<Way, number[]>> = {};
      for (let round = 1; round <= context.rounds; round++) {
        for (const way of Object.keys(rates) as Way[]) {
          const { bytes, cpuSeconds, seconds } = await readBy({
            way,
            port: server.port,
            topic: TOPIC,
            objects,
            ranges,
          });
          rates[way].push(bytes / seconds);
          (cpus[way] ??= []).push((cpuSeconds / bytes) * 1e9);
          context.progress(`round ${round} of ${context.rounds}, ${way}: ${(bytes / seconds / 1e6).toFixed(0)} MB/s`);
        }
      }
      const ratio = (way: Way, baseline: Way) => pairedRatio(rates[way], rates[baseline]);
      const bound = { kind: 'at-least' as const, value: BOUND };
      return {
        figures: [
          {
            name: 'history by the reader, batches, against the store over HTTP',
            value: ratio('sdk-batches', 'store-http'),
            show: show.ratio,
            bound,
          },
          { name: 'the same, records', value: ratio('sdk-records', 'store-http'), show: show.ratio },
          {
            name: 'batches, against getRange in the process',
            value: ratio('sdk-batches', 'store-files'),
            show: show.ratio,
          },
          { name: 'batches, against ordinary fetches', value: ratio('sdk-batches', 'fetch-batches'), show: show.ratio },
          { name: 'records, against ordinary fetches', value: ratio('sdk-records', 'fetch-records'), show: show.ratio },
        ],
        tables: [
          {
            title: `${(RANGES * RANGE_BYTES) / MIB} MiB of history in ranges of ${RANGE_BYTES / MIB} MiB, records of 1 KiB`,
            columns: ['', 'MB/s', 'CPU ms a MB'],
            rows: (Object.keys(rates) as Way[]).map((way) => [
              WAYS[way],
              (median(rates[way]) / 1e6).toFixed(0),
              median(cpus[way] ?? [0]).toFixed(2),
            ]),
          },
        ],
      };
    } finally {
      await server.stop();
    }
  },
};

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
