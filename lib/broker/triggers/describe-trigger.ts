/** A trigger with what it is doing in each partition, and how far it is behind. */
import {
  decodeOffsets,
  OFFSETS_PER_ITEM,
  OFFSETS_PREFIX,
  parseOffsetsKey,
} from '../../coordination/groups/offsets-item.ts';
import type { Lease, LeaseError } from '../../coordination/triggers/lease-item.ts';
import type { Trigger } from '../../coordination/triggers/trigger.ts';
import type { TriggerRecord } from '../../coordination/triggers/trigger-item.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { itemsOf, nameOf } from '../groups/group-items.ts';
import { PartitionView } from '../read/partition-view.ts';
import { getTrigger, topicsOfTrigger } from './find-trigger.ts';
import { readLeases } from './read-leases.ts';

export type TriggerState = 'Creating' | 'Enabled' | 'Disabled' | 'Deleting';

export interface TriggerPartition {
  topic: string;
  partition: number;
  /** `null`: none is committed; then delivery begins at the log start. */
  committed: number | null;
  logStart: number;
  highWatermark: number;
  /** Records that are still to be delivered, those that filters will skip among them. */
  lag: number;
  /** When the oldest of them was appended, or a little earlier: the time of its batch. */
  oldestMs?: number;
  /** Who delivers it now, until when at most. */
  holder?: string;
  heldUntilMs?: number;
  /** Of the batch that fails at present. */
  attempts: number;
  nextAttemptMs?: number;
  error?: LeaseError;
}

export interface DescribedTrigger {
  record: TriggerRecord;
  state: TriggerState;
  /** Sum and maximum of its partitions'. */
  lag: number;
  lagMs: number;
  oldestMs?: number;
  /** A topic that it names and that is not there; else the newest of its partitions'. */
  error?: LeaseError;
  partitions: TriggerPartition[];
}

export function triggerState({ trigger, phase }: TriggerRecord): TriggerState {
  if (phase === 'creating') return 'Creating';
  if (phase === 'deleting') return 'Deleting';
  return trigger.enabled ? 'Enabled' : 'Disabled';
}

/** Throws `NOT_FOUND`. */
export async function describeTrigger(broker: Broker, name: string): Promise<DescribedTrigger> {
  const record = await getTrigger(broker, name);
  const topics = await topicsOfTrigger(broker, record.trigger, { fresh: true });
  const [committed, leases] = [
    await committedOf(broker, record.trigger.group),
    await readLeases(broker, record.trigger.group),
  ];
  const ledgers = topics.flatMap((topic) => ledgersOf(topic).map((ledger) => ({ topic, ledger })));
  const described = await mapBounded(ledgers, storageLimits.storageFanOutMax, async ({ topic, ledger }) => {
    const head = await broker.heads.strong(ledger);
    if (head === undefined) return [];
    const partitions = partitionsIn(topic, ledger);
    return mapBounded(partitions, storageLimits.storageFanOutMax, (partition) => {
      const at = nameOf({ topicId: topic.topicId, partition });
      const found = { committed: committed.get(at) ?? null, lease: leases.get(at)?.lease };
      return describePartition(broker, { topic, partition, ledger, head }, found);
    });
  });
  const partitions = described.flat();
  const oldest = partitions.flatMap(({ oldestMs }) => (oldestMs === undefined ? [] : [oldestMs]));
  const errors = partitions.flatMap(({ error }) => (error === undefined ? [] : [error]));
  const [newest] = errors.toSorted((a, b) => b.atMs - a.atMs);
  const error = missingTopics(record.trigger, topics, broker.clock.now()) ?? newest;
  const oldestMs = oldest.length === 0 ? undefined : Math.min(...oldest);
  return {
    record,
    state: triggerState(record),
    lag: partitions.reduce((sum, { lag }) => sum + lag, 0),
    lagMs: oldestMs === undefined ? 0 : Math.max(0, broker.clock.now() - oldestMs),
    ...(oldestMs !== undefined && { oldestMs }),
    ...(error !== undefined && { error }),
    partitions,
  };
}

/** Of a topic that is deleted no partition is left to say anything. */
function missingTopics({ topics }: Trigger, found: readonly Topic[], nowMs: number): LeaseError | undefined {
  if (!('names' in topics)) return undefined;
  const there = new Set(found.map(({ name }) => name));
  const missing = topics.names.filter((name) => !there.has(name));
  if (missing.length === 0) return undefined;
  const names = missing.map((name) => `"${name}"`).join(', ');
  const message = `There is no topic ${names}.`.slice(0, triggerLimits.triggerErrorLengthMax);
  return { kind: 'UNKNOWN_TOPIC_OR_PARTITION', message, atMs: nowMs };
}

/** All that the group has committed, by the names of partitions. */
async function committedOf({ metadata }: Broker, group: string): Promise<Map<string, number>> {
  const committed = new Map<string, number>();
  for await (const { key, attributes } of itemsOf(metadata, group, OFFSETS_PREFIX)) {
    const { topicId, index } = parseOffsetsKey(key.sk);
    for (const [slot, entry] of decodeOffsets(attributes).slots.entries()) {
      if (entry !== undefined)
        committed.set(nameOf({ topicId, partition: index * OFFSETS_PER_ITEM + slot }), entry.offset);
    }
  }
  return committed;
}

function partitionsIn({ partitions, ledgerPartitions }: Topic, { index }: LedgerId): number[] {
  const first = index * ledgerPartitions;
  return Array.from({ length: Math.min(ledgerPartitions, partitions - first) }, (_, slot) => first + slot);
}

async function describePartition(
  broker: Broker,
  { topic, partition, ledger, head }: { topic: Topic; partition: number; ledger: LedgerId; head: LedgerHead },
  { committed, lease }: { committed: number | null; lease: Lease | undefined },
): Promise<TriggerPartition> {
  const { slot } = ledgerOf(topic, partition);
  const view = new PartitionView({ ledger, slot, partition, head, pages: broker.pages, segments: broker.segments });
  const { logStart, highWatermark } = view;
  const from = Math.max(committed ?? logStart, logStart);
  const lag = Math.max(0, highWatermark - from);
  const oldestMs = lag === 0 ? undefined : await birthOf(view, from);
  return {
    topic: topic.name,
    partition,
    committed,
    logStart,
    highWatermark,
    lag,
    ...(oldestMs !== undefined && { oldestMs }),
    ...leaseFacts(lease),
  };
}

/**
 * No record is read for it: the log knows when each run was stored, and of what is merged what the records themselves
 * say.
 */
async function birthOf(view: PartitionView, offset: number): Promise<number | undefined> {
  for await (const placed of view.from(offset)) {
    return placed.among === 'segments' ? placed.extent.newestMs : placed.run.commit.object.birthMs;
  }
  return undefined;
}

function leaseFacts(
  lease: Lease | undefined,
): Pick<TriggerPartition, 'attempts' | 'holder' | 'heldUntilMs' | 'nextAttemptMs' | 'error'> {
  if (lease === undefined) return { attempts: 0 };
  const { holder, untilMs, nextMs, lanes, error } = lease;
  const due = [nextMs, ...lanes.map(({ dueMs }) => dueMs)].filter((ms) => ms !== undefined);
  return {
    attempts: Math.max(0, ...lanes.map(({ attempts }) => attempts)),
    ...(holder !== undefined && { holder, heldUntilMs: untilMs }),
    ...(due.length > 0 && { nextAttemptMs: Math.min(...due) }),
    ...(error !== undefined && { error }),
  };
}
