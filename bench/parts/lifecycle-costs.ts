/** What the storage lifecycle costs, beside what it is for: merging against its ingest, and reading what was merged. */
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { mergingLimits } from '../../lib/kernel/limits/merging.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { topicLimits } from '../../lib/kernel/limits/topics.ts';
import { DEFAULT_POLICY } from '../../lib/log/merged/due.ts';
import { type Figure, show, type Table } from '../figure.ts';
import { type Bill, type Ingest, ingest, ingestBill, mergingBill, TOPIC, totalOf } from '../lifecycle/ingest.ts';
import {
  type ItemsLeft,
  itemsLeft,
  type Merged,
  mergeAll,
  merging,
  type Remerged,
  remerging,
} from '../lifecycle/merging.ts';
import { fetchAll, planAll, type Read } from '../lifecycle/reading.ts';
import { DISK_BYTES, LifecycleWorld } from '../lifecycle/world.ts';
import type { Part, PartContext } from '../part.ts';
import { prices } from '../prices.ts';

const KIB = 1_024;
const MIB = KIB * KIB;
const GIB = KIB * MIB;
/** With what frames them, a little less than one step takes. */
const BYTES = 248 * MIB;
const READ_BYTES = 2 * BYTES;
/** Ten seconds; a step takes four times as much where so much is written. */
const FAST_BYTES = 1_000 * MIB;

const FUNCTIONS: Ingest = {
  name: 'HTTP API, a function each request, any rate',
  how: 'alone',
  processes: 1,
  bytesPerSecond: MIB,
  bytes: BYTES,
  partitions: 16,
};
const SLOW: Ingest = {
  name: 'Web Function, 1 MiB/s',
  how: 'together',
  processes: 1,
  bytesPerSecond: MIB,
  bytes: BYTES,
  partitions: 16,
};
/** In four environments: 300 requests to 16 partitions each are under way at a time, more than one of them takes. */
const FAST: Ingest = {
  ...SLOW,
  name: 'Web Function, 100 MiB/s',
  processes: 4,
  bytesPerSecond: 100 * MIB,
  bytes: FAST_BYTES,
};

/** Each object has something of four ledgers. */
const SHARED: Ingest = { ...FAST, name: 'the same, 64 partitions', partitions: 64 };

/** How often there is merging (lib/infra/millrace-maintenance.ts). */
const MERGING_SECONDS = 20 * 60;

const SHARE_MAX = 0.02;
const ITEM_BYTES_MAX = 1_000;

const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
const bytesShown = (value: number) => `${value.toFixed(0)} bytes`;
const micros = (value: number) => (value * 1e6).toFixed(0);

export const lifecycleCosts: Part = {
  name: 'lifecycle-costs',
  summary: 'what merging costs beside its ingest, and requests to read merged history (counted, virtual time)',
  run: async (context) => {
    const rows: Merged[] = [];
    for (const [index, shape] of [FUNCTIONS, SLOW, FAST, SHARED].entries()) {
      context.progress(`${shape.name}: ${shape.bytes / MIB} MiB in, and merged`);
      rows.push(await merging(`${context.directory}/${index}`, shape));
    }
    context.progress(`${BYTES / MIB} MiB into one partition, merged in small steps, and again`);
    const remerged = await remerging(`${context.directory}/again`, { ...FAST, bytes: BYTES });
    const { fetched, planned, left } = await history(context);
    return {
      figures: [
        ...readingFigures(fetched, planned),
        ...rows.flatMap((row) => shareFigures(row, remerged)),
        leftFigure(left, fetched.bytes),
      ],
      tables: [billTable(rows, remerged), requestTable(), sizeTable(rows, remerged), readTable(fetched, planned)],
    };
  },
};

async function history(context: PartContext): Promise<{ fetched: Read; planned: Read; left: ItemsLeft }> {
  const world = new LifecycleWorld(`${context.directory}/history`);
  try {
    const writer = world.startProcess();
    await world.run(createTopic(writer, { name: TOPIC, partitions: 1 }));
    context.progress(`${READ_BYTES / MIB} MiB into one partition, merged`);
    const shape = { ...FAST, bytes: READ_BYTES };
    const { requests } = await ingest(world, { ...shape, partitions: 1 });
    await world.run(world.pause(mergingLimits.mergeAgeMsMin));
    const merger = world.startProcess({ hasDisk: true });
    const { use, bytes } = await mergeAll(world, merger, DEFAULT_POLICY);
    context.progress(`${(bytes / use.ms / 1e3).toFixed(0)} MB/s`);
    const end = await mergedEnd(world);
    if (end < requests * 90) throw new Error(`only ${end} records are merged`);
    context.progress('reading it');
    const fetched = await fetchAll(world, world.startProcess(), end);
    const planned = await planAll(world, world.startProcess(), end);
    return { fetched, planned, left: await itemsLeft(world) };
  } finally {
    await world.close();
  }
}

async function mergedEnd({ table }: LifecycleWorld): Promise<number> {
  let end = 0;
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const { keys, next } = await table.scanKeys(cursor);
    for (const key of keys) {
      if (!key.sk.startsWith('segment#')) continue;
      end = Math.max(end, Number((await table.get(key, 'strong'))?.['e']));
    }
    cursor = next;
  }
  return end;
}

function readingFigures(fetched: Read, planned: Read): Figure[] {
  const gets = ({ use, ranges, bytes }: Read) => ((use.counts.gets + ranges) / bytes) * 4 * MIB;
  const units = ({ use, bytes }: Read) => (use.counts.readUnits / bytes) * 64 * MIB;
  const most = { kind: 'at-most', value: 1 } as const;
  // The index is one GET more for a whole segment.
  return [
    { name: 'merged history, by plan: GETs per 4 MiB', value: gets(planned), show: show.count, bound: most },
    { name: 'merged history, by plan: read units per 64 MiB', value: units(planned), show: show.count, bound: most },
    { name: 'merged history, by fetch: GETs per 4 MiB', value: gets(fetched), show: show.count, bound: most },
    { name: 'merged history, by fetch: read units per 64 MiB', value: units(fetched), show: show.count, bound: most },
  ];
}

/** Of merging pages, and of writing all bytes once more, per byte of the ingest. */
function billOf({ pages, clearing, bytes }: Merged, remerged: Remerged): Record<'pages' | 'clearing' | 'again', Bill> {
  const again = mergingBill(remerged.use);
  const factor = bytes / remerged.bytes;
  return {
    pages: mergingBill(pages),
    clearing: mergingBill(clearing),
    again: {
      puts: again.puts * factor,
      gets: again.gets * factor,
      units: again.units * factor,
      requests: 0,
      duration: again.duration * factor,
    },
  };
}

function shareFigures(row: Merged, remerged: Remerged): Figure[] {
  const own = totalOf(ingestBill(row.ingest, row.ingested));
  const { pages, clearing, again } = billOf(row, remerged);
  const once = (totalOf(pages) + totalOf(clearing)) / own;
  const twice = isMergedAgain(row.ingest) ? totalOf(again) / own : 0;
  const seconds = row.pages.ms / 1_000;
  return [
    {
      name: `merging, share of the ingest's dollars: ${row.ingest.name}`,
      value: once + twice,
      show: percent,
      bound: { kind: 'at-most', value: SHARE_MAX },
      note:
        twice > 0 ? `${percent(once)} without merging what came of it once more` : 'its first segments are full ones',
    },
    {
      name: `merging, MB/s in one function: ${row.ingest.name}`,
      value: row.bytes / seconds / 1e6,
      show: (value) => `${value.toFixed(1)} MB/s`,
      ...(row.ingest.how === 'together' && { bound: { kind: 'at-least', value: row.ingest.bytesPerSecond / 1e6 } }),
    },
  ];
}

/**
 * Whether its first segments are small ones: of what one run of the merging finds, or one step takes on, all partitions
 * alike.
 */
function isMergedAgain({ partitions, bytesPerSecond }: Ingest): boolean {
  const { mergeStepBytesMax, mergeSharedPercent, mergedSegmentBytesMax } = mergingLimits;
  const isShared = partitions > topicLimits.partitionsPerLedgerMax;
  const kept = (DISK_BYTES * storageLimits.keptObjectsPercent * mergeSharedPercent) / 10_000;
  const stepBytes = isShared ? kept : mergeStepBytesMax;
  return Math.min(stepBytes, bytesPerSecond * MERGING_SECONDS) / partitions <= mergedSegmentBytesMax / 2;
}

/** Of segments that are as large as they get. What a ledger has besides does not grow with what it holds. */
function leftFigure({ segments, segmentCount, ledgers }: ItemsLeft, bytes: number): Figure {
  return {
    name: 'items left, a merged GiB',
    value: segments / (bytes / GIB),
    show: bytesShown,
    bound: { kind: 'below', value: ITEM_BYTES_MAX },
    note: `${segmentCount} segments of ${(bytes / MIB).toFixed(0)} MiB; the ledger has ${ledgers} bytes before its pages are retired`,
  };
}

const COMPONENTS = ['puts', 'gets', 'units', 'requests', 'duration'] as const;

function billTable(rows: readonly Merged[], remerged: Remerged): Table {
  const line = (name: string, bill: Bill, own: number) => [
    name,
    ...COMPONENTS.map((component) => `${micros(bill[component])} (${percent(bill[component] / own)})`),
    micros(totalOf(bill)),
    percent(totalOf(bill) / own),
  ];
  return {
    title: `Records of 1 KiB in requests of 100, ${BYTES / MIB} MiB, and ${FAST_BYTES / MIB} at 100 MiB/s: millionths of a dollar, and shares of the ingest's`,
    columns: ['', 'PUTs', 'GETs', 'table', 'requests', 'function time', 'in all', 'share'],
    rows: rows.flatMap((row) => {
      const ingested = ingestBill(row.ingest, row.ingested);
      const own = totalOf(ingested);
      const { pages, clearing, again } = billOf(row, remerged);
      return [
        line(row.ingest.name, ingested, own),
        line('  pages into segments', pages, own),
        line('  deleting what that left', clearing, own),
        ...(isMergedAgain(row.ingest) ? [line('  segments into one of 256 MiB', again, own)] : []),
      ];
    }),
    notes: [
      "A call of the table is taken to last 10 ms and one of the bucket 150 (bench/dollars.ts); the function time has the CPU measured here on top, the stand-in stores' included, and no time for bytes on the wire.",
      "One GET of S3 is 8 % of one PUT in S3's own prices: merging objects that cost one PUT each takes 8 % of what they cost, by that alone.",
    ],
  };
}

/** By S3's prices alone, whatever else an ingest costs: of a GiB. */
function requestTable(): Table {
  const written = (GIB / mergingLimits.mergedSegmentBytesMax) * prices.s3Put.dollars;
  return {
    title: "S3's requests for a GiB by the size of the flushes' objects, in millionths of a dollar",
    columns: ['KiB each', 'their PUTs', 'GETs of merging', 'PUTs of merging', 'share', 'share, written twice'],
    rows: [100, 256, 1_024, 4_096, 8_192].map((kibibytes) => {
      const objects = GIB / (kibibytes * KIB);
      const [puts, gets] = [objects * prices.s3Put.dollars, objects * prices.s3Get.dollars];
      const shares = [1, 2].map((times) => percent((gets + times * written) / puts));
      return [String(kibibytes), micros(puts), micros(gets), micros(written)].concat(shares);
    }),
  };
}

function sizeTable(rows: readonly Merged[], remerged: Remerged): Table {
  return {
    title: 'Objects that were merged, and what a step does',
    columns: [
      '',
      'objects',
      'KiB each',
      'GETs',
      'PUTs',
      'write units',
      'read units',
      's',
      'segments',
      'rounds of deleting',
      'bytes of ledger items left',
      'of segments',
    ],
    rows: rows
      .map((row) => {
        const { counts, ms } = row.pages;
        return [
          row.ingest.name,
          row.objects.toFixed(0),
          (row.bytes / row.objects / KIB).toFixed(0),
          counts.gets.toFixed(0),
          counts.puts.toFixed(0),
          counts.writeUnits.toFixed(0),
          counts.readUnits.toFixed(0),
          (ms / 1_000).toFixed(1),
          String(row.segments),
          String(row.clearings),
          String(row.left.ledgers),
          String(row.left.segments),
        ];
      })
      .concat([remergedRow(remerged)]),
  };
}

function remergedRow({ use: { counts, ms }, bytes }: Remerged): string[] {
  const numbers = [counts.gets, counts.puts, counts.writeUnits, counts.readUnits].map((count) => count.toFixed(0));
  const name = `segments into one of ${(bytes / MIB).toFixed(0)} MiB`;
  return [name, '8', (bytes / 8 / KIB).toFixed(0), ...numbers, (ms / 1_000).toFixed(1), '1', '', '', ''];
}

function readTable(fetched: Read, planned: Read): Table {
  const row = (name: string, { use: { counts }, bytes, requests, ranges }: Read) => [
    name,
    (bytes / MIB).toFixed(0),
    String(requests),
    counts.gets.toFixed(0),
    String(ranges),
    counts.readUnits.toFixed(1),
    counts.writeUnits.toFixed(0),
  ];
  return {
    title: 'One merged partition, read from its beginning by a process that has just started',
    columns: ['', 'MiB', 'requests', "GETs of the server's", "GETs of the client's", 'read units', 'write units'],
    rows: [row('fetches of 4 MiB', fetched), row('plans', planned)],
  };
}
