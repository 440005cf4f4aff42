/** Moves an instance in partitions that it consumes. */
import type { ConsumerInstance, InstanceId, InstanceSource } from '../../coordination/groups/instance-item.ts';
import type { TopicPartition } from '../../coordination/groups/partitions.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { listOffsets } from '../fetch/list-offsets.ts';
import { nameOf } from '../groups/group-items.ts';
import { decodePollCursor, encodePollCursor } from '../groups/poll-cursor.ts';
import { changeInstance } from './store.ts';
import type { NamedPartition } from './subscribe-instance.ts';

export interface SeekTarget extends NamedPartition {
  to: number | 'earliest' | 'latest';
}

export type SeekResult = { outcome: 'done' } | { outcome: 'not-consumed'; topic: string; partition: number };

interface Sought extends TopicPartition {
  named: NamedPartition;
  offset: number;
}

/** All of them or none. Throws `NOT_FOUND`, `UNKNOWN_TOPIC_OR_PARTITION`. */
export async function seekInstance(
  broker: Broker,
  id: InstanceId,
  targets: readonly SeekTarget[],
): Promise<SeekResult> {
  const sought = await mapBounded(targets, storageLimits.storageFanOutMax, (target) => resolve(broker, target));
  return changeInstance<SeekResult>(broker, id, (instance) => {
    const held = heldBy(instance);
    const foreign = sought.find((target) => !held.has(nameOf(target)));
    if (foreign !== undefined) return { result: { outcome: 'not-consumed', ...foreign.named } };
    const offsets = new Map(sought.map((target) => [nameOf(target), target.offset]));
    return { result: { outcome: 'done' }, change: { from: moved(instance.from, offsets) } };
  });
}

async function resolve(broker: Broker, { topic, partition, to }: SeekTarget): Promise<Sought> {
  const { topicId } = await broker.topics.getWith(topic, partition);
  const offset = typeof to === 'number' ? to : (await listOffsets(broker, { topic, partition, at: { at: to } })).offset;
  return { topicId, partition, named: { topic, partition }, offset: offset ?? 0 };
}

function heldBy({ from }: ConsumerInstance): Set<string> {
  if (from.source === 'nothing') return new Set();
  if (from.source === 'assignment') return new Set(from.positions.map(nameOf));
  return new Set(cursorOf(from)?.cursor.positions.map(nameOf));
}

function cursorOf({ memberId, cursor }: InstanceSource & { source: 'subscription' }) {
  return memberId === undefined || cursor === undefined ? undefined : decodePollCursor(memberId, cursor);
}

function moved(from: InstanceSource, offsets: ReadonlyMap<string, number>): InstanceSource {
  if (from.source === 'nothing') return from;
  if (from.source === 'assignment') {
    const positions = from.positions.map((position) => {
      const offset = offsets.get(nameOf(position));
      return offset === undefined ? position : { ...position, offset, fresh: true };
    });
    return { ...from, positions };
  }
  const decoded = cursorOf(from);
  if (decoded === undefined || from.memberId === undefined) return from;
  const { cursor, fresh } = decoded;
  const positions = cursor.positions.map((position) => {
    const name = nameOf(position);
    const offset = offsets.get(name);
    return { ...position, offset: offset ?? position.offset, fresh: offset !== undefined || fresh.has(name) };
  });
  return { ...from, cursor: encodePollCursor(from.memberId, { ...cursor, positions }) };
}
