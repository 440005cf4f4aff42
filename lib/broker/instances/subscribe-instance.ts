/**
 * What an instance consumes: topics that it shares with its group, or partitions that its client assigns to it. Not
 * both.
 */
import type {
  ConsumerInstance,
  InstanceId,
  InstancePosition,
  InstanceSource,
} from '../../coordination/groups/instance-item.ts';
import { newJoinId } from '../../coordination/groups/seat.ts';
import { parseSubscription } from '../../coordination/groups/subscription.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Broker } from '../broker.ts';
import { orThrow } from '../groups/refusals.ts';
import { unknownPartition } from '../topics/topic-cache.ts';
import { leaveSource } from './leave-source.ts';
import { placesHeld } from './places-held.ts';
import { changeInstance, readInstance, touchInstance } from './store.ts';

/** `exclusive`: the instance has what it consumes in the other way. */
export type SubscribeResult = 'done' | 'exclusive';

export interface NamedPartition {
  topic: string;
  partition: number;
}

/** In place of what it subscribed to before. Throws `NOT_FOUND`, `INVALID_REQUEST`, `INVALID_REGULAR_EXPRESSION`. */
export async function subscribeInstance(
  broker: Broker,
  id: InstanceId,
  { names, pattern }: { names?: readonly string[]; pattern?: string },
): Promise<SubscribeResult> {
  const { subscription } = orThrow(parseSubscription(names ?? [], pattern));
  const wanted = {
    ...(subscription.names.length > 0 && { names: subscription.names }),
    ...(subscription.pattern !== undefined && { pattern: subscription.pattern }),
  };
  return changeInstance<SubscribeResult>(broker, id, ({ from }) => {
    if (from.source === 'assignment') return { result: 'exclusive' };
    const member = from.source === 'subscription' ? memberOf(from) : { joinId: newJoinId(broker.random) };
    return { result: 'done', change: { from: { source: 'subscription', ...wanted, ...member } } };
  });
}

function memberOf({ memberId, cursor, joinId }: InstanceSource & { source: 'subscription' }) {
  return {
    ...(memberId !== undefined && { memberId }),
    ...(cursor !== undefined && { cursor }),
    ...(joinId !== undefined && { joinId }),
  };
}

/**
 * In place of what was assigned before, whose positions stay. Throws `NOT_FOUND`, `UNKNOWN_TOPIC_OR_PARTITION`,
 * `INVALID_REQUEST`.
 */
export async function assignInstance(
  broker: Broker,
  id: InstanceId,
  partitions: readonly NamedPartition[],
): Promise<SubscribeResult> {
  if (partitions.length > groupLimits.instancePartitionsMax) {
    const detail = `partitions must be at most ${groupLimits.instancePartitionsMax}.`;
    throw new MillraceError('INVALID_REQUEST', detail, { facts: { field: 'partitions' } });
  }
  const wanted = new Map<string, InstancePosition>();
  for (const { topic: name, partition } of partitions) {
    const topic = await broker.topics.getWith(name, partition);
    if (partition >= topic.partitions) throw unknownPartition(topic, partition);
    wanted.set(`${topic.topicId}:${partition}`, { topic: name, topicId: topic.topicId, partition, fresh: false });
  }
  return changeInstance<SubscribeResult>(broker, id, ({ from }) => {
    if (from.source === 'subscription') return { result: 'exclusive' };
    const before = from.source === 'assignment' ? from.positions : [];
    const kept = new Map(before.map((position) => [`${position.topicId}:${position.partition}`, position]));
    const positions = Array.from(wanted, ([key, position]) => kept.get(key) ?? position);
    return { result: 'done', change: { from: { source: 'assignment', positions } } };
  });
}

/** Throws `NOT_FOUND`. Of who consumes nothing, nothing changes. */
export async function unsubscribeInstance(broker: Broker, id: InstanceId): Promise<void> {
  await changeInstance(broker, id, async (instance) => {
    if (instance.from.source === 'nothing') return { result: undefined };
    await leaveSource(broker, id, instance);
    return { result: undefined, change: { from: { source: 'nothing' } } };
  });
}

export interface InstanceSubscription {
  /** Those that it names, and those of its partitions. */
  topics: string[];
  /** What it consumes now, as of its last poll. */
  partitions: { topic: string; partitions: readonly number[] }[];
}

/** Throws `NOT_FOUND`. */
export async function describeSubscription(broker: Broker, id: InstanceId): Promise<InstanceSubscription> {
  const instance = await readInstance(broker, id);
  await touchInstance(broker, id, instance);
  const named = await consumed(broker, instance);
  const partitions = [...Map.groupBy(named, ({ topic }) => topic)].map(([topic, own]) => {
    return { topic, partitions: own.map(({ partition }) => partition) };
  });
  const { from } = instance;
  const names = from.source === 'subscription' ? (from.names ?? []) : [];
  return { topics: [...new Set([...names, ...partitions.map(({ topic }) => topic)])].sort(), partitions };
}

async function consumed(broker: Broker, { from }: ConsumerInstance): Promise<NamedPartition[]> {
  if (from.source === 'nothing') return [];
  return from.source === 'assignment' ? [...from.positions] : placesHeld(broker, from);
}
