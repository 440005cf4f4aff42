/**
 * Sets a trigger's partitions back or forth. Each partition's offset is committed in one transaction with the fencing
 * of its lease (coordination/triggers/lease-fence.ts), so that it may be done while the trigger delivers: what is under
 * way then is finished by the function and committed by nobody, and delivery goes on from the new offset once its time
 * is over.
 */
import { OFFSETS_PER_ITEM, planOffsets } from '../../coordination/groups/offsets-item.ts';
import { planLeaseFence } from '../../coordination/triggers/lease-fence.ts';
import { leaseKey } from '../../coordination/triggers/lease-item.ts';
import { type TriggerRecord, unchangedTrigger } from '../../coordination/triggers/trigger-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { listOffsets } from '../fetch/list-offsets.ts';
import { nameOf, readCommitted } from '../groups/group-items.ts';
import { unknownPartition } from '../topics/topic-cache.ts';
import { decideAgain } from '../write-attempts.ts';
import { getTrigger, topicsOfTrigger } from './find-trigger.ts';
import { readLeases } from './read-leases.ts';
import { startOf } from './start-offsets.ts';
import { wakeTopics } from './wake.ts';

export type ReplayFrom =
  | { from: 'earliest' | 'latest' }
  /** The first record of this time or later; the end where there is none. */
  | { from: 'timestamp'; timestampMs: number }
  /** Of one partition. */
  | { from: 'offset'; offset: number };

export interface ReplayRequest {
  from: ReplayFrom;
  /** Absent: all of the trigger's. */
  topic?: string;
  /** Absent: all of the topic's. */
  partition?: number;
  /** Says what would be, and does nothing. */
  dryRun?: boolean;
}

export interface ReplayedPartition {
  topic: string;
  partition: number;
  offset: number;
  /** `null`: none was committed. */
  before: number | null;
}

/**
 * Throws `NOT_FOUND`, `UNKNOWN_TOPIC_OR_PARTITION`, `OFFSET_OUT_OF_RANGE`, and `INVALID_REQUEST` for an offset of more
 * than one partition.
 */
export async function replayTrigger(
  broker: Broker,
  name: string,
  request: ReplayRequest,
): Promise<ReplayedPartition[]> {
  const { trigger } = await readyTrigger(broker, name);
  const all = await topicsOfTrigger(broker, trigger, { fresh: true });
  const topics = request.topic === undefined ? all : all.filter((topic) => topic.name === request.topic);
  if (request.topic !== undefined && topics.length === 0) {
    throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', `The trigger "${name}" has no topic "${request.topic}".`);
  }
  requireOnePartition(request, topics);
  const stretches = topics.flatMap((topic) => stretchesOf(topic, request.partition));
  const replayed = await mapBounded(stretches, storageLimits.storageFanOutMax, (stretch) =>
    replayStretch(broker, { name, group: trigger.group, request }, stretch),
  );
  if (request.dryRun !== true) await wakeTopics(broker, topics);
  return replayed.flat();
}

async function readyTrigger(broker: Broker, name: string): Promise<TriggerRecord> {
  const record = await getTrigger(broker, name);
  if (record.phase === 'ready') return record;
  throw new MillraceError(
    'NOT_FOUND',
    `The trigger "${name}" is being ${record.phase === 'creating' ? 'created' : 'deleted'}.`,
  );
}

function requireOnePartition({ from, topic, partition }: ReplayRequest, topics: readonly Topic[]): void {
  const field = 'partition';
  if (partition !== undefined && topic === undefined && topics.length !== 1) {
    throw new MillraceError('INVALID_REQUEST', 'A partition is that of a topic, which is missing.', {
      facts: { field },
    });
  }
  for (const one of topics)
    if (partition !== undefined && partition >= one.partitions) throw unknownPartition(one, partition);
  const [only] = topics;
  if (from.from !== 'offset' || (topics.length === 1 && (partition !== undefined || only?.partitions === 1))) return;
  throw new MillraceError('INVALID_REQUEST', 'An offset is that of one partition, which is to be named.', {
    facts: { field },
  });
}

/** Partitions of a topic whose offsets share an item. */
interface Stretch {
  topic: Topic;
  index: number;
  partitions: readonly number[];
}

function stretchesOf(topic: Topic, only: number | undefined): Stretch[] {
  const partitions =
    only === undefined ? Array.from({ length: topic.partitions }, (_, partition) => partition) : [only];
  const byItem = Map.groupBy(partitions, (partition) => Math.floor(partition / OFFSETS_PER_ITEM));
  return [...byItem].map(([index, some]) => ({ topic, index, partitions: some }));
}

async function replayStretch(
  broker: Broker,
  { name, group, request }: { name: string; group: string; request: ReplayRequest },
  { topic, index, partitions }: Stretch,
): Promise<ReplayedPartition[]> {
  const { topicId } = topic;
  const places = partitions.map((partition) => ({ topicId, partition }));
  const offsets = await mapBounded(partitions, storageLimits.storageFanOutMax, (partition) =>
    offsetOf(broker, { topic: topic.name, partition }, request.from),
  );
  const before = await readCommitted(broker.metadata, group, places);
  const committedMs = broker.clock.now();
  const slots = new Map(
    partitions.map((partition, at) => [partition % OFFSETS_PER_ITEM, { offset: offsets[at] as number, committedMs }]),
  );
  if (request.dryRun !== true) {
    await decideAgain('replay', async () => {
      const record = await readyTrigger(broker, name);
      const leases = await readLeases(broker, group, {
        from: leaseKey({ group, topicId, partition: partitions[0] as number }).sk,
        to: `${leaseKey({ group, topicId, partition: partitions.at(-1) as number }).sk}$`,
      });
      const written = await broker.metadata.write([
        unchangedTrigger(record),
        planOffsets({ group, topicId, index }, topic.name, slots),
        ...places.map((place) => planLeaseFence({ group, ...place }, leases.has(nameOf(place)))),
      ]);
      return written.outcome === 'refused' ? 'again' : { done: undefined };
    });
  }
  return places.map((place, at) => {
    const { partition } = place;
    return { topic: topic.name, partition, offset: offsets[at] as number, before: before.get(nameOf(place)) ?? null };
  });
}

async function offsetOf(
  broker: Broker,
  place: { topic: string; partition: number },
  from: ReplayFrom,
): Promise<number> {
  switch (from.from) {
    case 'earliest':
      return startOf(broker, place, { position: 'TRIM_HORIZON' });
    case 'latest':
      return startOf(broker, place, { position: 'LATEST' });
    case 'timestamp':
      return startOf(broker, place, { position: 'AT_TIMESTAMP', timestampMs: from.timestampMs });
    case 'offset': {
      const { offset } = from;
      const logStartOffset = (await listOffsets(broker, { ...place, at: { at: 'earliest' } })).offset ?? 0;
      const highWatermark = (await listOffsets(broker, { ...place, at: { at: 'latest' } })).offset ?? 0;
      if (offset >= logStartOffset && offset <= highWatermark) return offset;
      const detail = `Offset ${offset} of ${place.topic} ${place.partition} is not between the log start ${logStartOffset} and the high watermark ${highWatermark}.`;
      throw new MillraceError('OFFSET_OUT_OF_RANGE', detail, { facts: { logStartOffset, highWatermark } });
    }
  }
}
