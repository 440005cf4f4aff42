/**
 * Deletes the records of partitions below an offset: their log starts go up, with one write a ledger. The bytes go
 * later, when nobody reads them any more (docs/lifecycle.md).
 */
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { ledgerOf } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { firstSince } from '../fetch/list-offsets.ts';
import { type OpenPartition, viewOf } from '../read/open-partition.ts';
import type { PartitionView } from '../read/partition-view.ts';
import { unknownPartition } from '../topics/topic-cache.ts';
import { raiseLogStarts } from './raise-log-starts.ts';

/** The first record that stays. */
export type DeletionEnd =
  | { at: 'offset'; offset: number }
  | { at: 'high-watermark' }
  /** The first with this timestamp or a later one; the high watermark where there is none. */
  | { at: 'timestamp'; timestampMs: number };

export interface PartitionDeletion {
  partition: number;
  before: DeletionEnd;
}

/** What became of one partition, in the order of the request. */
export type DeletionOutcome =
  | { partition: number; logStartOffset: number }
  | { partition: number; error: MillraceError };

/** A partition that is there, and its place in the request. */
interface Target extends OpenPartition, PartitionDeletion {
  index: number;
}

/**
 * Each partition has its own outcome; one whose log start is there already, or beyond, is left as it is. Throws
 * `UNKNOWN_TOPIC_OR_PARTITION` and `INVALID_TOPIC` as all of a topic does, `POLICY_VIOLATION` where the topic's
 * `cleanup.policy` is without `delete`, and `INVALID_REQUEST` where a partition is named twice.
 */
export async function deleteRecords(
  broker: Broker,
  request: { topic: string; partitions: readonly PartitionDeletion[] },
): Promise<DeletionOutcome[]> {
  checkNamedOnce(request.partitions);
  const topic = await broker.topics.getFresh(request.topic);
  if (!topic.config['cleanup.policy'].includes('delete')) {
    const detail = `Records of the topic ${topic.name} cannot be deleted: its cleanup.policy is without "delete".`;
    throw new MillraceError('POLICY_VIOLATION', detail);
  }
  const outcomes: DeletionOutcome[] = [];
  const ledgers = new Map<string, { ledger: LedgerId; targets: Target[] }>();
  for (const [index, deletion] of request.partitions.entries()) {
    const { partition } = deletion;
    if (partition >= topic.partitions) {
      outcomes[index] = { partition, error: unknownPartition(topic, partition) };
      continue;
    }
    const { ledger, slot } = ledgerOf(topic, partition);
    const among = ledgers.get(ledgerName(ledger)) ?? { ledger, targets: [] };
    among.targets.push({ ...deletion, topic: topic.name, ledger, slot, index });
    ledgers.set(ledgerName(ledger), among);
  }
  await mapBounded([...ledgers.values()], topicLimits.ledgerCallsInFlightMax, async ({ ledger, targets }) => {
    const found = await deleteInLedger(broker, ledger, targets);
    for (const [at, { index }] of targets.entries()) outcomes[index] = found[at] as DeletionOutcome;
  });
  return outcomes;
}

function checkNamedOnce(partitions: readonly PartitionDeletion[]): void {
  const named = new Set<number>();
  for (const [index, { partition }] of partitions.entries()) {
    if (named.has(partition)) {
      const field = `partitions[${index}].partition`;
      throw new MillraceError('INVALID_REQUEST', `${field} names the partition ${partition} again.`, {
        facts: { field },
      });
    }
    named.add(partition);
  }
}

async function deleteInLedger(
  broker: Broker,
  ledger: LedgerId,
  targets: readonly Target[],
): Promise<DeletionOutcome[]> {
  try {
    const seen = await broker.heads.strong(ledger);
    const ends = await mapBounded(targets, storageLimits.storageFanOutMax, (target) =>
      endOf(broker, viewOf(broker, target, seen), target),
    );
    const starts = new Map<number, number>();
    for (const [at, { slot }] of targets.entries()) {
      const end = ends[at];
      if (typeof end === 'number') starts.set(slot, end);
    }
    const raised = seen && (await raiseLogStarts(broker, { ledger, seen, starts }));
    return targets.map((target, at): DeletionOutcome => {
      const { partition } = target;
      const end = ends[at];
      if (end instanceof MillraceError) return { partition, error: end };
      return { partition, logStartOffset: viewOf(broker, target, raised).logStart };
    });
  } catch (error) {
    // Other ledgers may have been written.
    if (!(error instanceof MillraceError)) throw error;
    return targets.map(({ partition }) => ({ partition, error }));
  }
}

/** Where the partition is to begin, or why it cannot. */
async function endOf(
  broker: Broker,
  view: PartitionView,
  { partition, before }: Target,
): Promise<number | MillraceError> {
  const { logStart: logStartOffset, highWatermark } = view;
  switch (before.at) {
    case 'high-watermark':
      return highWatermark;
    case 'timestamp':
      return (await firstSince(broker, view, before))?.offset ?? highWatermark;
    case 'offset': {
      const { offset } = before;
      if (offset >= 0 && offset <= highWatermark) return offset;
      const detail = `Partition ${partition} cannot begin at ${offset}: its high watermark is ${highWatermark}.`;
      return new MillraceError('OFFSET_OUT_OF_RANGE', detail, { facts: { logStartOffset, highWatermark } });
    }
  }
}
