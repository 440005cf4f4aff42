/** What an object costs as an item of the table and as an object in S3, by size: what the inline threshold rests on. */
import { newObjectId } from '../../lib/kernel/ids.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { seededRandom, systemRandom } from '../../lib/kernel/random.ts';
import { objectName, type Tier } from '../../lib/log/segment/object-name.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { type AwsWorld, awsWorldMissing, openAwsWorld } from '../counted/aws-world.ts';
import { addCounts, type Counts, NO_COUNTS, scaleCounts, storageDollars } from '../dollars.ts';
import { type Report, show } from '../figure.ts';
import type { Part, PartContext } from '../part.ts';
import { median } from '../statistics.ts';

const KIB = 1_024;
const SIZES = [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 3.9, 4, 5, 6, 8, 16].map((kibibytes) => kibibytes * KIB);
const OBJECTS = 50;

interface Measured {
  put: Counts;
  get: Counts;
  delete: Counts;
  putMs: number;
}

export const inlineThreshold: Part = {
  name: 'inline-threshold',
  summary: 'dollars of an object inline and in S3 by size (counted): what the inline threshold rests on',
  run,
};

async function run(context: PartContext): Promise<Report> {
  const missing = awsWorldMissing();
  if (missing !== undefined) {
    context.progress(`SKIPPED: ${missing}`);
    return { figures: [{ name: 'Inline threshold', skipped: missing }] };
  }
  const world = await openAwsWorld();
  try {
    const rows: { bytes: number; inline: Measured; s3: Measured }[] = [];
    for (const bytes of SIZES) {
      context.progress(`${bytes} bytes`);
      const inline = await measure(world, world.inline, 'inline', bytes);
      rows.push({ bytes, inline, s3: await measure(world, world.bucket, 'segments', bytes) });
    }
    const cheaper = rows.filter(({ inline, s3 }) => lifetimeDollars(inline) <= lifetimeDollars(s3));
    return {
      figures: [
        {
          name: 'Largest size measured at which inline is not dearer, its deletion counted',
          value: Math.max(0, ...cheaper.map(({ bytes }) => bytes)),
          show: (bytes) => `${(bytes / KIB).toFixed(1)} KiB`,
          note: `the threshold is ${storageLimits.inlineBytesMaxDefault / KIB} KiB; docs/decisions/0005-inline-threshold.md`,
        },
      ],
      tables: [
        {
          title: 'One object, in dollars per million',
          columns: [
            'size',
            'inline: put',
            'delete',
            'read',
            'once each',
            'S3: put',
            'delete',
            'read',
            'once each',
            'put ms',
            'S3 put ms',
          ],
          rows: rows.map(({ bytes, inline, s3 }) => {
            const dollars = cells(inline).concat(cells(s3));
            const times = [inline.putMs, s3.putMs].map((milliseconds) => milliseconds.toFixed(1));
            return [`${(bytes / KIB).toFixed(1)} KiB`].concat(dollars, times);
          }),
          notes: [
            'Milliseconds are those of DynamoDB Local and of an S3 server on this machine, and say nothing of AWS.',
            'A transaction, a scan and the bytes kept for a month (0.25 and 0.023 dollars a GB) are not in it.',
          ],
        },
      ],
    };
  } finally {
    await world.close();
  }
}

async function measure(world: AwsWorld, store: ObjectStore, tier: Tier, bytes: number): Promise<Measured> {
  const random = seededRandom(bytes);
  const names = Array.from({ length: OBJECTS }, () => objectName(tier, newObjectId(Date.now(), systemRandom)));
  const milliseconds: number[] = [];
  const average = async (work: (name: string) => Promise<unknown>): Promise<Counts> => {
    let total = NO_COUNTS;
    for (const name of names) {
      const startMs = performance.now();
      total = addCounts(total, await world.count([], () => work(name)));
      milliseconds.push(performance.now() - startMs);
    }
    return scaleCounts(total, 1 / names.length);
  };
  const put = await average((name) => store.put(name, [random.bytes(bytes)]));
  const putMs = median(milliseconds);
  const get = await average((name) => store.getRange(name));
  return { put, get, delete: await average((name) => store.delete([name])), putMs };
}

function lifetimeDollars({ put, get, delete: removal }: Measured): number {
  return storageDollars(put) + storageDollars(get) + storageDollars(removal);
}

function cells(measured: Measured): string[] {
  const { put, get, delete: removal } = measured;
  const dollars = [storageDollars(put), storageDollars(removal), storageDollars(get), lifetimeDollars(measured)];
  return dollars.map((value) => show.dollars(value * 1e6));
}
