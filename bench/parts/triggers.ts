/** How fast a dispatcher delivers: 64 partitions at once to a function that does nothing, against plain fetches. */
import { type Figure, show } from '../figure.ts';
import type { DispatcherJob, DrainResult } from '../load/trigger-dispatcher.ts';
import type { Part } from '../part.ts';
import { runProgram } from '../processes/child.ts';
import { median, pairedRatio } from '../statistics.ts';

const PARTITIONS = 64;
const RECORDS_PER_PARTITION = 1_000;
const CONCURRENCY_BOUND = 50;

export const triggers: Part = {
  name: 'triggers',
  summary: 'records/s of a dispatcher over 64 partitions against plain fetches, how many at once, and its memory',
  run: async (context) => {
    const job: DispatcherJob = {
      directory: context.directory,
      work: 'drain',
      partitions: PARTITIONS,
      recordsPerPartition: RECORDS_PER_PARTITION,
      rounds: context.rounds,
    };
    const output = await runProgram(new URL('../load/trigger-dispatcher.ts', import.meta.url), JSON.stringify(job));
    const { rounds, concurrency, rssBytes } = JSON.parse(output) as DrainResult;
    const dispatched = rounds.map(({ dispatchedPerSecond }) => dispatchedPerSecond);
    const fetched = rounds.map(({ fetchedPerSecond }) => fetchedPerSecond);
    const ratio = pairedRatio(dispatched, fetched);
    const figures: Figure[] = [
      { name: `Dispatcher over ${PARTITIONS} partitions, against plain fetches`, value: ratio, show: show.ratio },
      {
        name: 'Partitions of one dispatcher with an invocation at the same time',
        value: concurrency,
        show: show.count,
        bound: { kind: 'at-least', value: CONCURRENCY_BOUND },
      },
      {
        name: `Resident memory of that dispatcher, peak`,
        value: rssBytes.peak,
        show: show.megabytes,
        note: `${show.megabytes(rssBytes.filled)} after the topic was filled by the same process`,
      },
    ];
    return {
      figures,
      tables: [
        {
          title: `Delivering ${PARTITIONS * RECORDS_PER_PARTITION} records of 1 KiB in ${PARTITIONS} partitions, batches of 100, one process`,
          columns: ['', 'records/s', 'invocations'],
          rows: [
            ['dispatcher', median(dispatched).toFixed(0), median(rounds.map((one) => one.invocations)).toFixed(0)],
            ['fetches', median(fetched).toFixed(0), ''],
            ['ratio of medians of pairs', ratio.toFixed(2), ''],
          ],
          notes: [
            'Fetches decode the records as the dispatcher has them, all partitions at once; the dispatcher also renders events',
            'and writes lease and offset for every batch. Caches are empty at the start of each round.',
          ],
        },
      ],
    };
  },
};
