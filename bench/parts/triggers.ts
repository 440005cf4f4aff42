/** How fast a dispatcher delivers: 64 partitions at once to a function that does nothing, against plain fetches. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Figure, show } from '../figure.ts';
import type { ReaderJob, ReaderResult } from '../load/reader.ts';
import { type DispatcherJob, type DrainResult, TOPIC } from '../load/trigger-job.ts';
import type { Part, PartContext } from '../part.ts';
import { runProgram } from '../processes/child.ts';
import { startMillrace } from '../processes/millrace.ts';
import { median, pairedRatio } from '../statistics.ts';

const PARTITIONS = 64;
const RECORDS_PER_PARTITION = 2_000;
const RECORDS = PARTITIONS * RECORDS_PER_PARTITION;
const RECORDS_PER_REQUEST = 500;
const CONCURRENCY_BOUND = 50;

export const triggers: Part = {
  name: 'triggers',
  summary: 'records/s of a dispatcher over 64 partitions against plain fetches, how many at once, and its memory',
  run: async (context) => {
    const data = join(context.directory, 'data');
    mkdirSync(data);
    const job: DispatcherJob = {
      directory: data,
      work: 'drain',
      partitions: PARTITIONS,
      recordsPerPartition: RECORDS_PER_PARTITION,
      rounds: context.rounds,
      isFilled: false,
    };
    const { rounds, concurrency } = await drain(job);
    const { peakBytes } = await drain({ ...job, rounds: 0, isFilled: true });
    const dispatched = rounds.map(({ dispatchedPerSecond }) => dispatchedPerSecond);
    const fetched = rounds.map(({ fetchedPerSecond }) => fetchedPerSecond);
    const ratio = pairedRatio(dispatched, fetched);
    const overHttp = await readOverHttp(context);
    const figures: Figure[] = [
      {
        name: `Dispatcher over ${PARTITIONS} partitions, against plain fetches over HTTP`,
        value: median(dispatched) / median(overHttp),
        show: show.ratio,
      },
      { name: 'The same, against plain fetches within the process', value: ratio, show: show.ratio },
      {
        name: 'Partitions of one dispatcher with an invocation at the same time',
        value: concurrency,
        show: show.count,
        bound: { kind: 'at-least', value: CONCURRENCY_BOUND },
      },
      {
        name: 'Resident memory of a process with that dispatcher alone, peak',
        value: peakBytes,
        show: show.megabytes,
      },
    ];
    return {
      figures,
      tables: [
        {
          title: `Delivering ${RECORDS} records of 1 KiB in ${PARTITIONS} partitions, batches of 100, one process`,
          columns: ['', 'records/s', 'invocations'],
          rows: [
            ['dispatcher', median(dispatched).toFixed(0), median(rounds.map((one) => one.invocations)).toFixed(0)],
            ['fetches within the process', median(fetched).toFixed(0), ''],
            [`fetches over HTTP, ${RECORDS_PER_REQUEST} records a request as JSON`, median(overHttp).toFixed(0), ''],
          ],
          notes: [
            'Fetches within the process decode the records as the dispatcher has them, all partitions at once; the dispatcher also renders events',
            'and writes lease and offset for every batch. Caches are empty at the start of each round.',
          ],
        },
      ],
    };
  },
};

async function drain(job: DispatcherJob): Promise<DrainResult> {
  const output = await runProgram(new URL('../load/trigger-dispatcher.ts', import.meta.url), JSON.stringify(job));
  return JSON.parse(output) as DrainResult;
}

/** The same records from the local server, by its reader of the part about groups; records a second. */
async function readOverHttp(context: PartContext): Promise<number[]> {
  const server = await startMillrace(context);
  try {
    const job: ReaderJob = {
      port: server.port,
      topic: TOPIC,
      partitions: PARTITIONS,
      records: RECORDS,
      recordsPerRequest: RECORDS_PER_REQUEST,
    };
    const rates: number[] = [];
    for (let round = 0; round < context.rounds; round++) {
      const output = await runProgram(new URL('../load/reader.ts', import.meta.url), JSON.stringify(job));
      rates.push(RECORDS / (JSON.parse(output) as ReaderResult).seconds);
    }
    return rates;
  } finally {
    await server.stop();
  }
}
