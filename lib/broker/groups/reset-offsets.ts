/** Sets a group back or forth, while it has no members: to offsets, to an end of the partitions, or to a time. */
import { decideUnfenced } from '../../coordination/groups/fence.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import type { PendingOffset } from '../../coordination/transactions/part-item.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import type { Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { chunked, mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { listOffsets } from '../fetch/list-offsets.ts';
import { type GroupOffset, offsetWrites, prepareOffsets } from '../transactions/prepare.ts';
import { requireResting } from '../triggers/claim.ts';
import { decideAgain } from '../write-attempts.ts';
import { nonEmpty } from './delete-group.ts';
import { listGroup } from './group-directory.ts';
import { nameOf, readCommitted, readMembers, readState } from './group-items.ts';
import { lookForMembers } from './look-over.ts';
import { refusal } from './refusals.ts';

export type ResetTo =
  | { to: 'offset'; offset: number; metadata?: string }
  | { to: 'earliest' | 'latest' }
  /** The first record of this time or later; the end where there is none. */
  | { to: 'timestamp'; timestampMs: number }
  /** This far from what is committed, but not out of the partition. */
  | { to: 'shift'; by: number };

export interface PartitionReset {
  topic: string;
  /** Absent: all of the topic's. */
  partition?: number;
  to: ResetTo;
}

export interface ResetOffsetsRequest {
  group: string;
  resets: readonly PartitionReset[];
  /** Says what would be, and does nothing. */
  dryRun?: boolean;
}

export interface ResetOffset {
  topic: string;
  partition: number;
  offset: number;
  /** `null`: none was committed. */
  before: number | null;
}

/**
 * Throws `NON_EMPTY_GROUP`, `UNKNOWN_TOPIC_OR_PARTITION`, or `OFFSET_OUT_OF_RANGE` for an offset that is not in its
 * partition.
 */
export async function resetOffsets(
  broker: Broker,
  { group, resets, dryRun = false }: ResetOffsetsRequest,
): Promise<ResetOffset[]> {
  checkGroupId(group);
  const single = await expanded(broker, resets);
  await lookForMembers(broker, group);
  await requireEmpty(broker, group);
  await requireResting(broker, group);
  const offsets = await mapBounded(single, storageLimits.storageFanOutMax, (reset) => resolved(broker, group, reset));
  const pending = await prepareOffsets(broker, {
    group,
    offsets: offsets.filter((offset) => offset !== undefined),
  });
  const before = await readCommitted(broker.metadata, group, pending);
  if (!dryRun) await write(broker, group, pending);
  return pending.map(({ topic, topicId, partition, offset }) => {
    return { topic, partition, offset, before: before.get(nameOf({ topicId, partition })) ?? null };
  });
}

async function expanded(
  broker: Broker,
  resets: readonly PartitionReset[],
): Promise<{ topic: string; partition: number; to: ResetTo }[]> {
  const single: { topic: string; partition: number; to: ResetTo }[] = [];
  for (const { topic, partition, to } of resets) {
    const count = partition === undefined ? (await broker.topics.getFresh(topic)).partitions : 1;
    for (let index = 0; index < count; index++) single.push({ topic, partition: partition ?? index, to });
    if (single.length > topicLimits.partitionsPerTopicMax) {
      throw new MillraceError(
        'POLICY_VIOLATION',
        `A reset is of at most ${topicLimits.partitionsPerTopicMax} partitions.`,
      );
    }
  }
  return single;
}

/** `undefined`: there is nothing committed that could be shifted. */
async function resolved(
  broker: Broker,
  group: string,
  { topic, partition, to }: { topic: string; partition: number; to: ResetTo },
): Promise<GroupOffset | undefined> {
  const at = async (end: 'earliest' | 'latest') =>
    (await listOffsets(broker, { topic, partition, at: { at: end } })).offset ?? 0;
  switch (to.to) {
    case 'earliest':
    case 'latest':
      return { topic, partition, offset: await at(to.to) };
    case 'timestamp': {
      const { timestampMs } = to;
      const found = await listOffsets(broker, { topic, partition, at: { at: 'timestamp', timestampMs } });
      return { topic, partition, offset: found.offset ?? (await at('latest')) };
    }
    case 'shift': {
      const { topicId } = await broker.topics.getWith(topic, partition);
      const committed = await readCommitted(broker.metadata, group, [{ topicId, partition }]);
      const from = committed.get(nameOf({ topicId, partition }));
      if (from === undefined) return undefined;
      const [start, end] = [await at('earliest'), await at('latest')];
      return { topic, partition, offset: Math.min(end, Math.max(start, from + to.by)) };
    }
    case 'offset': {
      const { offset, metadata } = to;
      const [start, end] = [await at('earliest'), await at('latest')];
      if (offset >= start && offset <= end)
        return { topic, partition, offset, ...(metadata !== undefined && { metadata }) };
      const detail = `Offset ${offset} of ${topic} ${partition} is not between the log start ${start} and the high watermark ${end}.`;
      throw new MillraceError('OFFSET_OUT_OF_RANGE', detail, { facts: { logStartOffset: start, highWatermark: end } });
    }
  }
}

/** As many of the items as one atomic write has at a time, each behind the condition that there are no members. */
async function write(broker: Broker, group: string, pending: readonly PendingOffset[]): Promise<void> {
  if (pending.length === 0) return;
  await listGroup(broker, group);
  const chunks = chunked(offsetWrites(pending, broker.clock.now()), storageLimits.transactionItemsMax - 1);
  for (const [index, chunk] of chunks.entries()) {
    await decideAgain('reset', async () => {
      const fence = await requireEmpty(broker, group);
      const written = await broker.metadata.write([fence, ...chunk]);
      return written.outcome === 'refused' ? 'again' : { done: undefined };
    }).catch((error: unknown) => {
      // What came before is there.
      throw index > 0 ? withEffect(error, 'unknown') : error;
    });
  }
}

async function requireEmpty(broker: Broker, group: string): Promise<Write> {
  const decided = decideUnfenced(group, await readState(broker.metadata, group));
  if (decided.outcome === 'refused') throw decided.code === 'GROUP_ID_NOT_FOUND' ? refusal(decided) : nonEmpty(group);
  if ((await readMembers(broker.metadata, group)).size > 0) throw nonEmpty(group);
  return decided.fence;
}
