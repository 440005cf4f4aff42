/** What reading a merged partition from its beginning asks of the stores, by a process that has just started. */
import type { Broker } from '../../lib/broker/broker.ts';
import { fetchBatches } from '../../lib/broker/fetch/fetch.ts';
import { planFetch } from '../../lib/broker/fetch/plan-fetch.ts';
import { clientLimits } from '../../lib/kernel/limits/client.ts';
import { requestLimits } from '../../lib/kernel/limits/requests.ts';
import type { Use } from '../counted/triggers-use.ts';
import { TOPIC } from './ingest.ts';
import type { LifecycleWorld } from './world.ts';

const PLACE = { topic: TOPIC, partition: 0 };

export interface Read {
  use: Use;
  bytes: number;
  /** Fetches or plans. */
  requests: number;
  /** Of plans: ranges, each of which is a GET of the client. */
  ranges: number;
}

export async function fetchAll(world: LifecycleWorld, broker: Broker, end: number): Promise<Read> {
  let [bytes, requests] = [0, 0];
  const use = await world.use(broker, async () => {
    for (let offset = 0; offset < end; requests++) {
      const position = { at: 'offset', offset } as const;
      const request = { ...PLACE, position, maxBytes: requestLimits.fetchBytesMax, minBytes: 1, waitMs: 0 };
      const { batches, nextOffset } = await fetchBatches(broker, request);
      if (nextOffset <= offset) throw new Error(`nothing is read at ${offset}`);
      bytes += batches.reduce((sum, chunk) => sum + chunk.length, 0);
      offset = nextOffset;
    }
  });
  return { use, bytes, requests, ranges: 0 };
}

export async function planAll(world: LifecycleWorld, broker: Broker, end: number): Promise<Read> {
  let [bytes, requests, ranges] = [0, 0, 0];
  const use = await world.use(broker, async () => {
    for (let offset = 0; offset < end; requests++) {
      const { segments, nextOffset } = await planFetch(broker, {
        ...PLACE,
        offset,
        maxBytes: clientLimits.clientPlanBytes,
      });
      if (nextOffset <= offset) throw new Error(`nothing is planned at ${offset}`);
      for (const segment of segments) {
        if (segment.source !== 'url') throw new Error('merged history came inline');
        bytes += segment.bytes;
        ranges++;
      }
      offset = nextOffset;
    }
  });
  return { use, bytes, requests, ranges };
}
