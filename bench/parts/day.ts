/**
 * A day of traffic in compressed time: what there is in table and bucket stays bounded, and the check finds nothing.
 */
import { type Figure, show, type Table } from '../figure.ts';
import type { DayReport } from '../lifecycle/day-process.ts';
import { type Inventory, ITEM_KINDS } from '../lifecycle/inventory.ts';
import type { Part } from '../part.ts';
import { runProgram } from '../processes/child.ts';

const NONE = { kind: 'at-most', value: 0 } as const;
/** From then on nothing grows: the longest retention and two graces are over. */
const STEADY_HOUR = 10;
const GROWTH_MAX = 1.1;

export const day: Part = {
  name: 'day',
  summary:
    'a day at 1 MiB/s, time-compressed and a 64th of the bytes: objects, items and backlog each hour, and the check',
  run: async (context) => {
    const output = await runProgram(new URL('../lifecycle/day-process.ts', import.meta.url), '');
    const report = JSON.parse(output) as DayReport;
    const { findings, quietFindings, failedChores } = report;
    for (const finding of [...findings, ...quietFindings]) context.progress(finding);
    const whole = { show: (value: number) => value.toFixed(0), bound: NONE };
    return {
      figures: [
        { name: 'findings of the check after the day', value: findings.length, ...whole },
        { name: 'findings of the check after a quiet day more', value: quietFindings.length, ...whole },
        { name: 'chores of the maintenance that failed', value: failedChores.length, ...whole },
        ...growthFigures(report),
      ],
      tables: [dayTable(report)],
    };
  },
};

/** The last hour's against an hour long before it. */
function growthFigures({ hours }: DayReport): Figure[] {
  const [before, last] = [hours[STEADY_HOUR - 1], hours.at(-1)] as [Inventory, Inventory];
  const growth = (name: string, of: (inventory: Inventory) => number): Figure => ({
    name: `${name} after ${hours.length} hours, against those after ${STEADY_HOUR}`,
    value: of(last) / of(before),
    show: show.ratio,
    bound: { kind: 'at-most', value: GROWTH_MAX },
  });
  return [
    growth('objects', ({ objects }) => objects.segments.count + objects.merged.count),
    growth('bytes in the bucket', ({ objects }) => objects.segments.bytes + objects.merged.bytes),
    growth('bytes in the table', ({ items }) => ITEM_KINDS.reduce((sum, kind) => sum + items[kind].bytes, 0)),
  ];
}

function dayTable({ hours, quiet, bytes, scale, checked }: DayReport): Table {
  const row = (name: string, { objects, items, pagesWaiting, pagesKept }: Inventory) => [
    name,
    String(objects.segments.count),
    mebibytes(objects.segments.bytes),
    String(objects.merged.count),
    mebibytes(objects.merged.bytes),
    ...ITEM_KINDS.map((kind) => `${items[kind].count} (${(items[kind].bytes / 1_024).toFixed(0)})`),
    String(pagesWaiting),
    String(pagesKept),
  ];
  return {
    title: `A day: ${mebibytes(bytes)} MiB of values, a ${scale}th of 1 MiB a second, in three topics; a round of the maintenance every ten minutes`,
    columns: ['hour', 'flushes', 'MiB', 'merged', 'MiB', ...ITEM_KINDS.map(itemsOf), 'pages waiting', 'merged pages'],
    rows: [...hours.map((inventory, index) => row(String(index + 1), inventory)), row('quiet day', quiet)],
    notes: [
      'Items by number, and KiB in brackets. Sizes of pages to merge, steps, segments and their blocks are a 64th too, so that',
      'the numbers are those of all the traffic; a flush is 8 MiB of it, every 8 s, of three ledgers.',
      '4 partitions keep 2 hours, 1 keeps 6, and 2 are compacted (1,000 keys). Condemned objects are among the merged ones.',
      `The last check looked at ${checked['objects']} objects and ${checked['items']} items.`,
    ],
  };
}

function itemsOf(kind: string): string {
  return kind === 'other' ? 'other items' : `${kind} items`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
