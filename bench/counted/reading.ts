/** What reading costs a process that has been reading for a while, and one that has just started. */
import type { Broker } from '../../lib/broker/broker.ts';
import { fetchBatches } from '../../lib/broker/fetch/fetch.ts';
import { listOffsets } from '../../lib/broker/fetch/list-offsets.ts';
import { planFetch } from '../../lib/broker/fetch/plan-fetch.ts';
import { produceRecords } from '../../lib/broker/produce/produce.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { requestLimits } from '../../lib/kernel/limits/requests.ts';
import { addCounts, type Counts, NO_COUNTS, scaleCounts } from '../dollars.ts';
import type { AwsWorld } from './aws-world.ts';
import { average, type Operation } from './operation.ts';
import { recordsOf } from './writing.ts';

const KIB = 1_024;
/** A commit of a little more than a MiB. */
const LARGE = { name: 'large', records: 1_024, valueBytes: KIB, partitions: 1, requests: 1 };
const SMALL = { ...LARGE, name: 'small', records: 1 };
/** Two pages and a tail, so that there is history. */
const COMMITS = 20;

export const NOTHING_NEW = 'tailing fetch, nothing new';
export const CACHED = 'tailing fetch, bytes cached';
export const HISTORY = 'history fetch, 1 MiB, just started';

const PARTITION = { topic: 'read', partition: 0 };

export async function reading(world: AwsWorld): Promise<Operation[]> {
  const [writer, reader] = [world.startProcess(), world.startProcess()];
  await createTopic(writer, { name: PARTITION.topic, partitions: 1 });
  const write = (shape: typeof LARGE) =>
    produceRecords(writer, { topic: PARTITION.topic, records: recordsOf(shape, 0), acks: 'all' });
  for (let commit = 0; commit < COMMITS; commit++) await write(LARGE);
  const end = COMMITS * LARGE.records;
  await fetchFrom(reader, end, KIB);

  const nothingNew = await average(world, reader, 200, () => fetchFrom(reader, end, KIB));
  const cached = await average(world, reader, 200, () => fetchFrom(writer, end - 1, KIB));
  const latest = await average(world, reader, 50, () => listOffsets(reader, { ...PARTITION, at: { at: 'latest' } }));
  const plan = await average(world, reader, 50, () =>
    planFetch(reader, { ...PARTITION, offset: end - LARGE.records, maxBytes: requestLimits.fetchBytesDefault }),
  );
  const history = await justStarted(world, (process, index) =>
    fetchFrom(process, (index % COMMITS) * LARGE.records, requestLimits.fetchBytesDefault),
  );
  let written = end;
  const following = await afterEach(
    world,
    () => world.count([writer], () => write(SMALL)),
    () => fetchFrom(reader, written++, KIB),
  );
  return [
    { name: NOTHING_NEW, payloadBytes: 0, counts: nothingNew },
    { name: CACHED, payloadBytes: KIB, counts: cached },
    { name: "tailing fetch of another's record", payloadBytes: KIB, counts: following },
    { name: HISTORY, payloadBytes: LARGE.records * KIB, counts: history },
    { name: 'list offsets, latest', payloadBytes: 0, counts: latest },
    { name: "plan of 1 MiB, without the client's GET", payloadBytes: LARGE.records * KIB, counts: plan },
  ];
}

async function fetchFrom(process: Broker, offset: number, maxBytes: number): Promise<void> {
  const position = { at: 'offset', offset } as const;
  await fetchBatches(process, { ...PARTITION, position, maxBytes, minBytes: 1, waitMs: 0 });
}

async function justStarted(world: AwsWorld, work: (process: Broker, index: number) => Promise<void>): Promise<Counts> {
  let total = NO_COUNTS;
  for (let index = 0; index < COMMITS; index++) {
    const process = world.startProcess();
    total = addCounts(total, await world.count([process], () => work(process, index)));
  }
  return scaleCounts(total, 1 / COMMITS);
}

/** The average of `work` alone, each after one `preparation`. */
async function afterEach(
  world: AwsWorld,
  preparation: () => Promise<unknown>,
  work: () => Promise<void>,
): Promise<Counts> {
  const times = 50;
  let total = NO_COUNTS;
  for (let index = 0; index < times; index++) {
    await preparation();
    total = addCounts(total, await world.count([], work));
  }
  return scaleCounts(total, 1 / times);
}
