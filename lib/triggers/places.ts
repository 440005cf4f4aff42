/**
 * Where delivery of a partition begins: at the committed offset, which is the truth; and where none is committed, where
 * the trigger says. What the lease remembers of lanes and windows counts only as long as that offset is the one it
 * committed.
 */

import type { Broker } from '../broker/broker.ts';
import { listOffsets } from '../broker/fetch/list-offsets.ts';
import { nameOf, readCommitted } from '../broker/groups/group-items.ts';
import { type Lane, newLanes } from '../coordination/triggers/lanes.ts';
import type { Lease } from '../coordination/triggers/lease-item.ts';
import type { Trigger } from '../coordination/triggers/trigger.ts';
import type { OpenWindow } from '../coordination/triggers/window.ts';
import { MillraceError } from '../kernel/errors.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import type { PartitionWork } from './ports.ts';

export interface Place {
  /** The group's offset; `undefined`: none is committed. */
  committed: number | undefined;
  lanes: Lane[];
  window?: OpenWindow;
  fillingSinceMs?: number;
  /** Until then an invocation of which nobody has heard the end may be running. */
  runsUntilMs?: number;
}

/** Throws `UNKNOWN_TOPIC_OR_PARTITION` where there is no such partition any more. */
export async function placeOf(
  broker: Broker,
  { trigger, work, lease }: { trigger: Trigger; work: PartitionWork; lease: Lease },
): Promise<Place> {
  const { topic, topicId, partition } = work;
  if ((await broker.topics.getWith(topic, partition)).topicId !== topicId) {
    throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', `Topic ${topic} was deleted.`);
  }
  const found = await readCommitted(broker.metadata, trigger.group, [{ topicId, partition }]);
  const committed = found.get(nameOf({ topicId, partition }));
  const { lanes, window, fillingSinceMs } = lease;
  const latestMs = broker.clock.now() + triggerLimits.triggerAheadMsMax;
  const runsUntilMs = earlier(lease.runsUntilMs, latestMs);
  // A lease that is new, or was fenced, knows of no offset; then there is one, or it has no lanes.
  if (committed === lease.committed && lanes.length === trigger.parallelizationFactor) {
    return {
      committed,
      lanes: lanes.map((lane) => within(lane, latestMs)),
      ...(trigger.tumblingWindowMs > 0 && window !== undefined && { window }),
      ...(fillingSinceMs !== undefined && { fillingSinceMs }),
      ...(runsUntilMs !== undefined && { runsUntilMs }),
    };
  }
  const next = committed ?? (await startOf(broker, trigger, { topic, partition }));
  return {
    committed,
    lanes: newLanes(next, trigger.parallelizationFactor, runsUntilMs),
    ...(runsUntilMs !== undefined && { runsUntilMs }),
  };
}

function within(lane: Lane, latestMs: number): Lane {
  const { dueMs: before, ...rest } = lane;
  const dueMs = earlier(before, latestMs);
  return dueMs === undefined ? rest : { ...rest, dueMs };
}

/** A time that no dispatcher means was written by a clock that is wrong: then now is as good as any. */
function earlier(timeMs: number | undefined, latestMs: number): number | undefined {
  return timeMs !== undefined && timeMs <= latestMs ? timeMs : undefined;
}

/** LATEST was settled for what was there when the trigger was made: what has come since begins at its start. */
async function startOf(
  broker: Broker,
  { startingPosition }: Trigger,
  place: { topic: string; partition: number },
): Promise<number> {
  if (startingPosition.position === 'AT_TIMESTAMP') {
    const { timestampMs } = startingPosition;
    const found = await listOffsets(broker, { ...place, at: { at: 'timestamp', timestampMs } });
    return found.offset ?? (await end(broker, place, 'latest'));
  }
  return end(broker, place, 'earliest');
}

async function end(
  broker: Broker,
  place: { topic: string; partition: number },
  at: 'earliest' | 'latest',
): Promise<number> {
  return (await listOffsets(broker, { ...place, at: { at } })).offset ?? 0;
}

/**
 * Where to go on after an offset that is not in the partition. What is below the log start was deleted: what is left of
 * it begins there, whatever the trigger says. An offset above the end comes of an election that lost records: as
 * Kafka's consumers do, who want the newest go on at the end, and all others begin again.
 */
export function placeAfter(offset: number, error: MillraceError, { startingPosition }: Trigger): number {
  const { logStartOffset, highWatermark } = error.facts;
  if (logStartOffset === undefined || highWatermark === undefined) throw error;
  if (offset < logStartOffset) return logStartOffset;
  return startingPosition.position === 'LATEST' ? highWatermark : logStartOffset;
}
