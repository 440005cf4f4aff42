/**
 * The sweeper of triggers: finds what a wake-up missed. It looks at every trigger's partitions and hands on those that
 * have records above the committed offset, or a window that is over, and that nobody delivers; gives `wake` to heads
 * that lack it; finishes triggers whose maker or deleter has crashed; and removes the leases of topics that are gone.
 *
 * Reads are eventually consistent where that costs a delay only: a dispatcher that is woken looks for itself, and what
 * an old view hides is found by the next sweep. May overlap with itself and stop anywhere.
 */
import type { Broker } from '../broker/broker.ts';
import { nameOf } from '../broker/groups/group-items.ts';
import { highWatermark } from '../broker/ledger/replicated.ts';
import { topicsOfTrigger } from '../broker/triggers/find-trigger.ts';
import { finishCreation, finishDeletion } from '../broker/triggers/finish-trigger.ts';
import { type LeasedPartition, readLeases } from '../broker/triggers/read-leases.ts';
import { repairWake, wakeOf } from '../broker/triggers/wake.ts';
import {
  decodeOffsets,
  groupKey,
  OFFSETS_PER_ITEM,
  OFFSETS_PREFIX,
  parseOffsetsKey,
} from '../coordination/groups/offsets-item.ts';
import { type Lease, planDrop } from '../coordination/triggers/lease-item.ts';
import { isOver } from '../coordination/triggers/take.ts';
import { isDelivering, type TriggerRecord } from '../coordination/triggers/trigger-item.ts';
import type { LedgerId } from '../kernel/ids.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import { storageLimits } from '../kernel/limits/storage.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import { mapBounded } from '../kernel/map-bounded.ts';
import { decodeHead, headKey } from '../log/ledger/head.ts';
import type { Topic } from '../log/topic/topic.ts';
import { ledgersOf } from '../log/topic/topic-writes.ts';
import type { DispatchRequest, PartitionWork, TriggerLog, TriggerMeter } from './ports.ts';
import { requestsFor } from './route.ts';

export interface SweepTriggersOptions {
  /** Wakes a dispatcher. What it rejects for is found again by the next sweep. */
  handOn: (request: DispatchRequest) => Promise<void>;
  log: TriggerLog;
  meter?: Pick<TriggerMeter, 'lag'>;
  /** Where an earlier sweep ended. */
  from?: SweepCursor;
  /** After so many partitions it ends with a cursor, at the end of a topic. */
  partitionsMax?: number;
}

/** A trigger and its topic, by name, that come first. */
export interface SweepCursor {
  trigger: string;
  topic: string;
}

export interface TriggerSweep {
  partitions: number;
  /** Partitions that were handed on. */
  woken: number;
  /** Heads that lacked `wake`. */
  repaired: number;
  /** Triggers whose creation or deletion was finished. */
  finished: number;
  /** Leases of topics that are gone. */
  dropped: number;
  /** Triggers that could not be looked at, and requests that could not be handed on; they are logged. */
  failures: number;
  /** Where the next sweep is to begin; absent: everything was looked at. */
  next?: SweepCursor;
}

export async function sweepTriggers(broker: Broker, options: SweepTriggersOptions): Promise<TriggerSweep> {
  const sweep: TriggerSweep = { partitions: 0, woken: 0, repaired: 0, finished: 0, dropped: 0, failures: 0 };
  const { from, log } = options;
  const triggers = (await broker.triggers.listFresh()).filter(({ trigger }) => !(trigger.name < (from?.trigger ?? '')));
  for (const record of triggers) {
    const { name } = record.trigger;
    try {
      if (await finish(broker, record)) sweep.finished++;
      else if (isDelivering(record)) await sweepTrigger(broker, record, options, sweep);
    } catch (error) {
      sweep.failures++;
      log.warn('a trigger could not be swept; the next sweep looks again', { trigger: name, error });
    }
    if (sweep.next !== undefined) break;
  }
  return sweep;
}

/** What someone has begun who is certainly gone. */
async function finish(broker: Broker, record: TriggerRecord): Promise<boolean> {
  const isOld = broker.clock.now() - record.createdMs >= triggerLimits.triggerUnfinishedMs;
  if (record.phase === 'deleting') {
    await finishDeletion(broker, record);
    return true;
  }
  if (record.phase !== 'creating' || !isOld) return false;
  await finishCreation(broker, record);
  return true;
}

async function sweepTrigger(
  broker: Broker,
  { trigger }: TriggerRecord,
  options: SweepTriggersOptions,
  sweep: TriggerSweep,
): Promise<void> {
  const { from, partitionsMax = triggerLimits.sweptPartitionsMax } = options;
  const topics = (await topicsOfTrigger(broker, trigger, { fresh: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const leases = await readLeases(broker, trigger.group, { consistency: 'eventual' });
  const committed = await committedOf(broker, trigger.group);
  sweep.dropped += await dropLeases(broker, trigger.group, leases, topics);
  const work: PartitionWork[] = [];
  for (const topic of topics) {
    if (from?.trigger === trigger.name && topic.name < from.topic) continue;
    if (sweep.partitions >= partitionsMax) {
      sweep.next = { trigger: trigger.name, topic: topic.name };
      break;
    }
    for (const seen of await lookAt(broker, topic, sweep)) {
      const at = nameOf(seen);
      const behind = Math.max(0, seen.end - Math.max(seen.start, committed.get(at) ?? 0));
      options.meter?.lag(trigger.name, { topic: topic.name, partition: seen.partition }, behind);
      if (!isDue(leases.get(at)?.lease, behind, broker.clock.now())) continue;
      work.push({ topic: topic.name, topicId: topic.topicId, partition: seen.partition, wanted: seen.end });
    }
    sweep.partitions += topic.partitions;
  }
  for (const request of requestsFor(trigger.name, work)) await handOn(request, options, sweep);
}

async function handOn(
  request: DispatchRequest,
  { handOn: wake, log }: SweepTriggersOptions,
  sweep: TriggerSweep,
): Promise<void> {
  try {
    await wake(request);
    sweep.woken += request.work.length;
  } catch (error) {
    sweep.failures++;
    log.warn('a dispatcher could not be woken; the next sweep tries again', { trigger: request.trigger, error });
  }
}

/** Whether a dispatcher would take the lease, and find something to do: by the rules of `decideTake`. */
export function isDue(lease: Lease | undefined, behind: number, nowMs: number): boolean {
  if (lease === undefined) return behind > 0;
  if (lease.holder !== undefined && !isOver(lease.untilMs + triggerLimits.triggerClockSkewMsMax, nowMs)) return false;
  const hasWindow = lease.window?.hasBegun === true;
  // Of a lease that ran out nobody knows what was due.
  const isReady = lease.holder !== undefined || lease.nextMs === undefined || isOver(lease.nextMs, nowMs);
  return isReady && (behind > 0 || hasWindow);
}

interface SeenPartition {
  topicId: string;
  partition: number;
  start: number;
  end: number;
}

async function lookAt(broker: Broker, topic: Topic, sweep: TriggerSweep): Promise<SeenPartition[]> {
  const seen = await mapBounded(ledgersOf(topic), storageLimits.storageFanOutMax, async (ledger) => {
    const attributes = await broker.metadata.get(headKey(ledger), 'eventual');
    if (attributes === undefined) return [];
    if (wakeOf(attributes) === undefined) {
      await repairWake(broker, ledger);
      sweep.repaired++;
    }
    const head = decodeHead(attributes);
    return partitionsOf(topic, ledger).map((partition, slot): SeenPartition => {
      return { topicId: topic.topicId, partition, start: head.start[slot] as number, end: highWatermark(head, slot) };
    });
  });
  return seen.flat();
}

function partitionsOf({ partitions, ledgerPartitions }: Topic, { index }: LedgerId): number[] {
  const first = index * ledgerPartitions;
  return Array.from({ length: Math.min(ledgerPartitions, partitions - first) }, (_, slot) => first + slot);
}

/** By the names of partitions. */
async function committedOf({ metadata }: Broker, group: string): Promise<Map<string, number>> {
  const committed = new Map<string, number>();
  let from: string | undefined = OFFSETS_PREFIX;
  while (from !== undefined) {
    const page = await metadata.query({
      pk: groupKey(group),
      from,
      to: `${OFFSETS_PREFIX.slice(0, -1)}$`,
      limit: requestLimits.listPageMax,
      consistency: 'eventual',
    });
    for (const { key, attributes } of page.items) {
      const { topicId, index } = parseOffsetsKey(key.sk);
      for (const [slot, entry] of decodeOffsets(attributes).slots.entries()) {
        if (entry === undefined) continue;
        committed.set(nameOf({ topicId, partition: index * OFFSETS_PER_ITEM + slot }), entry.offset);
      }
    }
    from = page.next;
  }
  return committed;
}

/** Of topics that were deleted, or that a pattern means no more; not of those that someone still has. */
async function dropLeases(
  broker: Broker,
  group: string,
  leases: ReadonlyMap<string, LeasedPartition>,
  topics: readonly Topic[],
): Promise<number> {
  const known = new Set(topics.map(({ topicId }) => topicId));
  const nowMs = broker.clock.now();
  const unused = [...leases.values()].filter(
    ({ topicId, lease }) => !known.has(topicId) && (lease.holder === undefined || lease.untilMs <= nowMs),
  );
  await mapBounded(unused, storageLimits.storageFanOutMax, ({ topicId, partition, lease }) =>
    broker.metadata.write([planDrop({ group, topicId, partition }, lease)]),
  );
  return unused.length;
}
