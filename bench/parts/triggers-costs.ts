/**
 * What triggers cost: one to which nothing happens, a delivered batch, and a month of deliveries. Counted in virtual
 * time.
 */
import { type CountedRow, countDeliveries, type Idle, idling } from '../counted/triggers-costs.ts';
import { type Load, month, monthTable } from '../counted/triggers-months.ts';
import { computeDollars, dollars } from '../counted/triggers-use.ts';
import { ASSUMED_MS, FUNCTION_MEMORY_MIB, SECONDS_PER_MONTH, storageDollars } from '../dollars.ts';
import { type Figure, show, type Table } from '../figure.ts';
import type { Part } from '../part.ts';
import { prices } from '../prices.ts';

const SWEEPS_PER_MONTH = SECONDS_PER_MONTH / 60;

const SINGLE = { recordsPerRequest: 1, partitions: 16, batchingWindowMs: 0 };
const LOADS: readonly Load[] = [
  { ...SINGLE, recordsPerMonth: 1e6, seconds: 900 },
  { ...SINGLE, recordsPerMonth: 10e6, seconds: 180 },
  { ...SINGLE, recordsPerMonth: 100e6, seconds: 40 },
  { ...SINGLE, recordsPerMonth: 100e6, batchingWindowMs: 5_000, seconds: 40 },
  { ...SINGLE, recordsPerMonth: 100e6, recordsPerRequest: 100, seconds: 600 },
];

export const triggerCosts: Part = {
  name: 'trigger-costs',
  summary: 'requests, units and dollars of idle triggers, of a delivered batch and of a month (counted, virtual time)',
  run: async (context) => {
    const idle: Idle[] = [];
    for (const triggers of [1, 100]) {
      context.progress(`${triggers} idle`);
      idle.push(await idling(triggers));
    }
    const rows = await countDeliveries((text) => context.progress(text));
    const months = [];
    for (const load of LOADS) {
      const { recordsPerMonth, recordsPerRequest, batchingWindowMs } = load;
      context.progress(
        `${recordsPerMonth / 1e6} M records a month in requests of ${recordsPerRequest}, batching window ${batchingWindowMs} ms`,
      );
      months.push(await month(load));
    }
    const [one] = idle as [Idle, ...Idle[]];
    return {
      figures: idle.flatMap(idleFigures),
      tables: [idleTable(idle), deliveryTable(rows), monthTable(months, monthlySweeps(one))],
    };
  },
};

function monthlySweeps({ sweeper }: Idle): number {
  return SWEEPS_PER_MONTH * (dollars(sweeper) + prices.schedulerInvocation.dollars);
}

function idleFigures(idle: Idle): Figure[] {
  const { triggers, invocations, otherCalls } = idle;
  const name = triggers === 1 ? 'Idle trigger' : `${triggers} idle triggers`;
  const none = { show: show.count, bound: { kind: 'at-most', value: 0 } } as const;
  return [
    { name: `${name}: invocations of router and dispatcher`, value: invocations, ...none },
    { name: `${name}: calls of the stores but the sweeper's`, value: otherCalls, ...none },
    { name: `${name}: dollars a month, all of it the sweeper's`, value: monthlySweeps(idle), show: show.dollars },
  ];
}

function idleTable(idle: readonly Idle[]): Table {
  return {
    title: 'Idle triggers, each of a topic of 16 partitions, swept once a minute',
    columns: [
      'triggers',
      'calls a run',
      'read units a run',
      'ms a run',
      'reads a month',
      'Lambda a month',
      'Scheduler a month',
      'in all',
    ],
    rows: idle.map((one) => {
      const { triggers, sweeper } = one;
      const monthly = [storageDollars(sweeper.counts), computeDollars(sweeper), prices.schedulerInvocation.dollars];
      return [
        String(triggers),
        sweeper.counts.tableCalls.toFixed(0),
        sweeper.counts.readUnits.toFixed(1),
        sweeper.ms.toFixed(0),
        ...monthly.map((each) => show.dollars(each * SWEEPS_PER_MONTH)),
        show.dollars(monthlySweeps(one)),
      ];
    }),
    notes: [
      `A call of the table is taken to last ${ASSUMED_MS.tableCall} ms (bench/dollars.ts says why), a function to have ${FUNCTION_MEMORY_MIB} MiB.`,
      'Without free tiers: Scheduler has 14 million invocations a month.',
    ],
  };
}

function deliveryTable(rows: readonly CountedRow[]): Table {
  return {
    title: 'What delivery costs, router and dispatcher together (average)',
    columns: [
      '',
      'invocations',
      'ms of functions',
      'table calls',
      'GET',
      'write units',
      'read units',
      'dollars per million',
    ],
    rows: rows.map(({ name, use }) => [
      name,
      use.invocations.toFixed(2),
      use.ms.toFixed(0),
      use.counts.tableCalls.toFixed(1),
      use.counts.gets.toFixed(2),
      use.counts.writeUnits.toFixed(2),
      use.counts.readUnits.toFixed(2),
      show.dollars(dollars(use) * 1e6),
    ]),
    notes: [
      `Taken: ${ASSUMED_MS.tableCall} ms for a call of the table, ${ASSUMED_MS.bucketCall} ms for one of the bucket; a handler that does nothing, warm.`,
      'A dispatcher stays with a partition for a quarter of a second after its last batch, with a batching window for up to a second.',
      "In the time of a retry is the pause before it. The handler's own invocations and the destination are not in it.",
    ],
  };
}
