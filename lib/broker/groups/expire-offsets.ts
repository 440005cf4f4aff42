/**
 * Removes a group's committed offsets that nobody needs any more, and the group where nothing of it is left
 * (`offsets.retention.minutes`; the rules are in coordination/groups/offset-expiry.ts); those of deleted topics at
 * once, and what a share group had done with records where topic or group is no more. May be interrupted anywhere, and
 * run by several at a time.
 */
import { stateKey } from '../../coordination/groups/group-item.ts';
import { planDeath, planExpiry } from '../../coordination/groups/offset-expiry.ts';
import { decodeOffsets, OFFSETS_PREFIX, parseOffsetsKey } from '../../coordination/groups/offsets-item.ts';
import {
  decodeSharePartition,
  parseSharePartitionKey,
  SHARE_PREFIX,
} from '../../coordination/share-groups/share-partition-item.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';
import { claimantOf } from '../triggers/claim.ts';
import { planEntryRemoval } from './group-directory.ts';
import { itemsOf, readMembers, readState, readTarget } from './group-items.ts';
import { lookForMembers } from './look-over.ts';

export interface Expired {
  /** Items of offsets from which some were removed. */
  items: number;
  /** The group is gone. */
  dead: boolean;
}

/** `inUse`: the group stays, whatever is left of it. */
export async function expireGroup(
  broker: Broker,
  group: string,
  { retentionMs, inUse }: { retentionMs: number; inUse: boolean },
): Promise<Expired> {
  const { metadata, clock } = broker;
  // A trigger that delivers rarely, or rests, holds its place.
  if ((await claimantOf(broker, group)) !== undefined) return { items: 0, dead: false };
  // Its members may all be gone, with nobody left to notice.
  await lookForMembers(broker, group);
  const state = await readState(metadata, group);
  // What a share group has done with records is of use as long as nobody deletes it, as in Kafka.
  if (state?.kind === 'share') return { items: await forgetDeletedTopics(broker, group), dead: false };
  const target = state === undefined ? undefined : await readTarget(metadata, group);
  let left = 0;
  let items = state === undefined ? await forgetSharing(broker, group) : 0;
  for await (const { key, attributes } of itemsOf(metadata, group, OFFSETS_PREFIX)) {
    const id = { group, ...parseOffsetsKey(key.sk) };
    const item = decodeOffsets(attributes);
    if (await isOfDeletedTopic(broker, item.topic, id.topicId)) {
      // Whoever has the topic in memory may commit once more; the next round removes that.
      await metadata.write([{ kind: 'delete', key }]);
      items++;
      continue;
    }
    const writes = planExpiry({ group, state, target, id, item, nowMs: clock.now(), retentionMs });
    const applied = writes.length > 0 && (await metadata.write(writes)).outcome === 'applied';
    if (applied) items++;
    if (!applied || !writes.some(({ kind }) => kind === 'delete')) left++;
  }
  const used = inUse || left > 0 || (state?.members ?? 0) > 0 || (await readMembers(metadata, group)).size > 0;
  return { items, dead: !used && (await bury(broker, group)) };
}

/** Share partitions that nobody can ask for any more; how many there were. */
async function forgetDeletedTopics(broker: Broker, group: string): Promise<number> {
  let items = 0;
  for await (const { key, attributes } of itemsOf(broker.metadata, group, SHARE_PREFIX)) {
    const { topicId } = parseSharePartitionKey(key.sk);
    if (!(await isOfDeletedTopic(broker, decodeSharePartition(attributes).topic, topicId))) continue;
    await broker.metadata.write([{ kind: 'delete', key }]);
    items++;
  }
  return items;
}

/**
 * What a deletion has left that was cut off, or came while it was under way; unless there is a group of the name by
 * then.
 */
async function forgetSharing({ metadata }: Broker, group: string): Promise<number> {
  let items = 0;
  for await (const { key } of itemsOf(metadata, group, SHARE_PREFIX)) {
    const written = await metadata.write([planUnused(group), { kind: 'delete', key }]);
    if (written.outcome === 'applied') items++;
  }
  return items;
}

function planUnused(group: string): Write {
  return { kind: 'check', key: stateKey(group), conditions: [{ clause: 'item-absent' }] };
}

/** An id is never used again, so that nobody can ask for these offsets any more. */
async function isOfDeletedTopic({ metadata }: Broker, name: string, topicId: TopicId): Promise<boolean> {
  for (const consistency of ['eventual', 'strong'] as const) {
    const topic = await metadata.get(topicKey(name), consistency);
    if (topic !== undefined && decodeTopic(name, topic).topicId === topicId) return false;
  }
  return true;
}

/** If it still has no members, and nobody can be about to commit offsets without any; such a commit keeps the group. */
async function bury(broker: Broker, group: string): Promise<boolean> {
  const { metadata, groups } = broker;
  const entry = await planEntryRemoval(broker, group);
  if (entry === undefined) return false;
  const state = await readState(metadata, group);
  if (state !== undefined && state.members > 0) return false;
  const writes = state === undefined ? [planUnused(group), entry] : [...planDeath(group, state), entry];
  const written = await metadata.write(writes);
  if (written.outcome === 'refused') return false;
  groups.forget(group);
  return true;
}
