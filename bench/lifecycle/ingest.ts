/**
 * Ingests whose merging is to be paid for: requests of 100 records of 1 KiB, as they come to functions or to a shared
 * process.
 */
import { type Broker, settled } from '../../lib/broker/broker.ts';
import { type ProduceRecord, produceRecords } from '../../lib/broker/produce/produce.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { plus, type Use } from '../counted/triggers-use.ts';
import { FUNCTION_MEMORY_MIB, httpApiDollars, lambdaDollars, storageDollars } from '../dollars.ts';
import { text } from '../payloads.ts';
import { prices } from '../prices.ts';
import type { LifecycleWorld } from './world.ts';

const KIB = 1_024;
const RECORDS = 100;
/** What an environment of the Web Function has (lib/infra/web-ingress.ts). */
const WEB_MEMORY_MIB = 2_048;
/** What the function that merges has (lib/infra/millrace-maintenance.ts), and what of it is not billed. */
const MAINTENANCE_DISK_GB = 10;
const DISK_GB_FREE = 0.5;

export interface Ingest {
  name: string;
  /**
   * `alone`: each request in a function of its own. `together`: in processes that commit at once what is waiting in
   * them.
   */
  how: 'alone' | 'together';
  /** Of those that requests share, in turn. */
  processes: number;
  /** Of values; `alone` costs the same at any rate. */
  bytesPerSecond: number;
  bytes: number;
  partitions: number;
}

export interface Ingested {
  requests: number;
  bytes: number;
  /** Milliseconds are all requests' together, or those of the process that they share. */
  use: Use;
}

export const TOPIC = 't';

/** Over all partitions; without keys, which cost the same. */
export async function ingest(
  world: LifecycleWorld,
  { how, processes, bytes, bytesPerSecond, partitions }: Ingest,
): Promise<Ingested> {
  const records = recordsOver(partitions);
  const requests = Math.ceil(bytes / (RECORDS * KIB));
  const brokers = Array.from({ length: processes }, () => world.startProcess());
  const [broker] = brokers as [Broker, ...Broker[]];
  const request = async (by: Broker) => {
    const outcomes = await produceRecords(by, { topic: TOPIC, records, acks: 'all' });
    if (outcomes.some(({ outcome }) => outcome !== 'written')) throw new Error('a record was not written');
  };
  let use: Use | undefined;
  if (how === 'alone') {
    for (let n = 0; n < requests; n++) {
      const one = await world.use(broker, () => request(broker));
      use = use === undefined ? one : plus(use, one);
    }
  } else {
    use = await world.use(broker, async () => {
      const gapMs = (RECORDS * KIB * 1_000) / bytesPerSecond;
      const under: Promise<void>[] = [];
      for (let n = 0; n < requests; n++) {
        under.push(request(brokers[n % processes] as Broker));
        await world.pause(gapMs);
      }
      await Promise.all(under);
      for (const one of brokers) await settled(one);
    });
  }
  return { requests, bytes: requests * RECORDS * KIB, use: use as Use };
}

/** The same bytes in every request: nothing looks at them, and nothing is compressed. */
function recordsOver(partitions: number): ProduceRecord[] {
  const random = seededRandom(1);
  return Array.from({ length: RECORDS }, (_, index) => ({
    partition: index % partitions,
    key: null,
    value: utf8(text(random, KIB)),
    headers: [],
  }));
}

/** Where a share's dollars come from. */
export interface Bill {
  puts: number;
  gets: number;
  units: number;
  requests: number;
  duration: number;
}

export function ingestBill({ how, processes, bytesPerSecond }: Ingest, { requests, bytes, use }: Ingested): Bill {
  const storage = storageBill(use);
  if (how === 'alone') {
    const duration = lambdaDollars({ milliseconds: use.ms, memoryMiB: FUNCTION_MEMORY_MIB });
    const each = httpApiDollars(RECORDS * KIB) + prices.lambdaRequest.dollars;
    return { ...storage, requests: requests * each, duration: duration - prices.lambdaRequest.dollars };
  }
  const milliseconds = processes * (bytes / bytesPerSecond) * 1_000;
  const duration = lambdaDollars({ milliseconds, memoryMiB: WEB_MEMORY_MIB }) - prices.lambdaRequest.dollars;
  return { ...storage, requests: requests * prices.lambdaRequest.dollars, duration };
}

export function mergingBill(use: Use): Bill {
  const duration = lambdaDollars({ milliseconds: use.ms, memoryMiB: FUNCTION_MEMORY_MIB });
  const disk = (use.ms / 1_000) * (MAINTENANCE_DISK_GB - DISK_GB_FREE) * prices.lambdaStorage.dollars;
  return { ...storageBill(use), requests: 0, duration: duration + disk };
}

function storageBill({ counts }: Use): Pick<Bill, 'puts' | 'gets' | 'units'> {
  return {
    puts: counts.puts * prices.s3Put.dollars,
    gets: counts.gets * prices.s3Get.dollars,
    units: storageDollars({ ...counts, puts: 0, gets: 0 }),
  };
}

export function totalOf({ puts, gets, units, requests, duration }: Bill): number {
  return puts + gets + units + requests + duration;
}
