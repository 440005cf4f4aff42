/**
 * What one reader that always waits costs a month, per ingress: how often its process reads the head meanwhile, counted
 * on virtual time, and the compute that it occupies.
 */
import { createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { fetchBatches } from '../../lib/broker/fetch/fetch.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { requestLimits } from '../../lib/kernel/limits/requests.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import {
  FUNCTION_MEMORY_MIB,
  fargateDollarsPerMonth,
  httpApiDollars,
  lambdaDollars,
  SECONDS_PER_MONTH,
} from '../dollars.ts';
import { show } from '../figure.ts';
import type { Part } from '../part.ts';
import { prices } from '../prices.ts';

/** Of one partition with nothing new: what the HTTP API's own limit of 30 s leaves room for. */
const WAIT_MS = requestLimits.fetchWaitMsMax;
const WAITS = 10;

/** What an environment of the Web Function has (lib/infra/web-ingress.ts), and what is assumed to wait in it. */
const WEB_MEMORY_MIB = 2_048;
const WEB_WAITING = 64;
const TASK = { cpus: 0.25, memoryGB: 0.5 };

export const longPoll: Part = {
  name: 'long-poll',
  summary: 'dollars a month of one waiting long poll per ingress, from counted head reads',
  run: async () => {
    const alone = await readsPerSecond(1);
    const together = await readsPerSecond(WEB_WAITING);
    const polls = SECONDS_PER_MONTH / (WAIT_MS / 1_000);
    const headDollars = (perSecond: number) => perSecond * SECONDS_PER_MONTH * prices.dynamodbReadUnit.dollars;
    const lambda = polls * lambdaDollars({ milliseconds: WAIT_MS, memoryMiB: FUNCTION_MEMORY_MIB });
    const http = polls * httpApiDollars(0);
    const environment = SECONDS_PER_MONTH * (WEB_MEMORY_MIB / 1_024) * prices.lambdaDuration.dollars;
    const requests = polls * prices.lambdaRequest.dollars;
    const shared = headDollars(together);
    const rows: [string, number, number, number][] = [
      ['HTTP API + Lambda, each poll in a function of its own', alone, headDollars(alone), lambda + http],
      ['Web Function, one waiting in an environment', alone, headDollars(alone), environment + requests],
      [
        `Web Function, ${WEB_WAITING} waiting for one partition in an environment`,
        together / WEB_WAITING,
        shared / WEB_WAITING,
        environment / WEB_WAITING + requests,
      ],
      ['Container (Fargate, 0.25 vCPU), one waiting', alone, headDollars(alone), fargateDollarsPerMonth(TASK)],
      [
        `Container, ${requestLimits.waitingRequestsMax} waiting for ${requestLimits.waitingRequestsMax} partitions of as many ledgers`,
        alone,
        headDollars(alone),
        fargateDollarsPerMonth(TASK) / requestLimits.waitingRequestsMax,
      ],
    ];
    return {
      figures: rows.map(([name, , reads, compute]) => ({
        name: `Waiting long poll, dollars a month: ${name}`,
        value: reads + compute,
        show: show.dollars,
      })),
      tables: [
        {
          title: `One reader that waits all month, in polls of ${WAIT_MS / 1_000} s, nothing new`,
          columns: ['ingress', 'head reads/s each', 'reads', 'compute and requests', 'dollars a month'],
          rows: rows.map(([name, perSecond, reads, compute]) => {
            const dollars = [reads, compute, reads + compute].map(show.dollars);
            return [name, perSecond.toFixed(3)].concat(dollars);
          }),
          notes: [
            'A head read is one strongly consistent read of less than 4 KiB: one read unit. What reads find is not in it.',
            'A Web Function is billed for active CPU, memory over the life of an environment, and requests; no copy of the rates',
            "could be found, so its memory is priced like an event function's duration, which has the CPU in it: an upper bound.",
            `Lambda at ${FUNCTION_MEMORY_MIB} MiB. Fewer megabytes wait as well as more: the bill is proportional to them.`,
          ],
        },
      ],
    };
  },
};

/** Head reads a second of one process while so many requests wait for one partition, poll after poll. */
async function readsPerSecond(waiting: number): Promise<number> {
  const store = openSqliteMetadataStore({ path: ':memory:' });
  const clock = new ManualClock();
  let reads = 0;
  const metadata = {
    query: store.query.bind(store),
    write: store.write.bind(store),
    close: store.close.bind(store),
    get: (...[key, consistency]: Parameters<typeof store.get>) => {
      if (key.sk === 'head') reads++;
      return store.get(key, consistency);
    },
  };
  const memory = createMemoryObjectStore();
  const objects = createTieredObjectStore({ inline: memory, bucket: memory, inlineBytesMax: 0 });
  const broker = createBroker({ metadata, objects, compression: nodeCompression, clock, random: seededRandom(1) });
  await createTopic(broker, { name: 'quiet' });
  reads = 0;
  for (let poll = 0; poll < WAITS; poll++) {
    const request = { topic: 'quiet', partition: 0, position: { at: 'offset', offset: 0 }, maxBytes: 1 } as const;
    const polls = Array.from({ length: waiting }, () =>
      fetchBatches(broker, { ...request, minBytes: 1, waitMs: WAIT_MS }),
    );
    await clock.advance(WAIT_MS + 1_000);
    await Promise.all(polls);
  }
  await metadata.close();
  return reads / ((WAITS * WAIT_MS) / 1_000);
}
