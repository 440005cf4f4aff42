/**
 * Where a share group goes on with its partitions: asked for by whoever wants to know, set and deleted while the group
 * has no members.
 */
import { type GroupState, newGroupState, planGroup, stateKey } from '../../coordination/groups/group-item.ts';
import { countDone } from '../../coordination/share-groups/share-partition.ts';
import {
  decodeSharePartition,
  parseSharePartitionKey,
  planSharePartition,
  SHARE_PREFIX,
  sharePartitionKey,
} from '../../coordination/share-groups/share-partition-item.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { listOffsets } from '../fetch/list-offsets.ts';
import { nonEmpty } from '../groups/delete-group.ts';
import { planEntry } from '../groups/group-directory.ts';
import { itemsOf, readMembers, readState } from '../groups/group-items.ts';
import { noSuchGroup } from '../groups/group-view.ts';
import { lookForMembers } from '../groups/look-over.ts';
import { newNonce } from '../groups/regroup.ts';
import { topicOrNone } from '../groups/topic-directory.ts';
import { openPartition } from '../read/open-partition.ts';
import { requireUnclaimed } from '../triggers/claim.ts';
import { decideAgain } from '../write-attempts.ts';

export interface TopicPlaces {
  topic: string;
  partitions: readonly number[];
}

export interface SharePlace {
  topic: string;
  /** Absent: there is no such topic. */
  topicId?: TopicId;
  partition: number;
  /** Absent: the group has not read of the partition. */
  start?: { offset: number; lag: number };
}

const WIDTH = shareGroupLimits.sharePartitionsInFlightMax;

/** In the order of the topics; without topics: all that the group has read of. */
export async function describeShareOffsets(
  broker: Broker,
  { group, topics }: { group: string; topics?: readonly TopicPlaces[] },
): Promise<SharePlace[]> {
  checkGroupId(group);
  const named = topics ?? (await readTopics(broker, group));
  const asked = named.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  return mapBounded(asked, WIDTH, ({ topic, partition }) => placeOf(broker, { group, topic, partition }));
}

async function readTopics({ metadata }: Broker, group: string): Promise<TopicPlaces[]> {
  const topics = new Map<string, number[]>();
  for await (const { key, attributes } of itemsOf(metadata, group, SHARE_PREFIX)) {
    const { topic } = decodeSharePartition(attributes);
    topics.set(topic, [...(topics.get(topic) ?? []), parseSharePartitionKey(key.sk).partition]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

async function placeOf(
  broker: Broker,
  { group, topic, partition }: { group: string; topic: string; partition: number },
): Promise<SharePlace> {
  const found = await topicOrNone(broker, topic);
  if (found === undefined) return { topic, partition };
  const { topicId } = found;
  const { stored } = await broker.shares.look({ group, topicId, partition }, 'strong');
  if (stored === undefined) return { topic, topicId, partition };
  const { offset: end } = await listOffsets(broker, { topic, partition, at: { at: 'latest' } });
  const { startOffset: offset } = stored.partition;
  const lag = Math.max(0, (end ?? offset) - offset - countDone(stored.partition));
  return { topic, topicId, partition, start: { offset, lag } };
}

export interface SharePlaceToSet {
  topic: string;
  partition: number;
  offset: number;
}

/**
 * In their order: what was refused, by its error. Whatever the group had done with later records is forgotten. Throws
 * `NON_EMPTY_GROUP`, and `GROUP_ID_NOT_FOUND` where the group is of another kind; one that is not there is made.
 */
export async function alterShareOffsets(
  broker: Broker,
  { group, places }: { group: string; places: readonly SharePlaceToSet[] },
): Promise<(MillraceError | undefined)[]> {
  checkGroupId(group);
  await lookForMembers(broker, group);
  await requireUnclaimed(broker, group);
  await requireEmptyShare(broker, group, { mayMake: true });
  return mapBounded(places, WIDTH, async (place) => {
    try {
      await setPlace(broker, group, place);
      return undefined;
    } catch (error) {
      if (error instanceof MillraceError) return error;
      throw error;
    }
  });
}

async function setPlace(broker: Broker, group: string, { topic, partition, offset }: SharePlaceToSet): Promise<void> {
  const { metadata, shares, random } = broker;
  const { topicId } = (await openPartition(broker, topic, partition)).ledger;
  const id = { group, topicId, partition };
  await shares.inTurn(id, () =>
    decideAgain('change of offsets', async () => {
      const check = await requireEmptyShare(broker, group, { mayMake: false });
      const { stored: before } = await shares.look(id, 'strong');
      const stored = {
        topic,
        nonce: before?.nonce ?? newNonce(random),
        version: (before?.version ?? 0) + 1,
        writeId: newNonce(random),
        partition: { startOffset: Math.max(0, offset), runs: [] },
      };
      const written = await metadata.write([check, planSharePartition(id, stored)]);
      if (written.outcome === 'refused') return 'again';
      shares.note(id, stored);
      return { done: undefined };
    }),
  );
}

/** In the order of the topics: whether there was such a topic. Throws `NON_EMPTY_GROUP` and `GROUP_ID_NOT_FOUND`. */
export async function deleteShareOffsets(
  broker: Broker,
  { group, topics }: { group: string; topics: readonly string[] },
): Promise<({ topicId: TopicId } | undefined)[]> {
  checkGroupId(group);
  await lookForMembers(broker, group);
  await requireEmptyShare(broker, group, { mayMake: false });
  return mapBounded(topics, WIDTH, async (topic) => {
    const found = await topicOrNone(broker, topic);
    if (found === undefined) return undefined;
    const { topicId } = found;
    for await (const { key } of itemsOf(broker.metadata, group, `${SHARE_PREFIX}${topicId}#`)) {
      const id = { group, topicId, partition: parseSharePartitionKey(key.sk).partition };
      await broker.shares.inTurn(id, () => deletePlace(broker, id));
    }
    return { topicId };
  });
}

async function deletePlace(broker: Broker, id: { group: string; topicId: TopicId; partition: number }): Promise<void> {
  await decideAgain('deletion of offsets', async () => {
    const check = await requireEmptyShare(broker, id.group, { mayMake: false });
    const written = await broker.metadata.write([check, { kind: 'delete', key: sharePartitionKey(id) }]);
    if (written.outcome === 'refused') return 'again';
    broker.shares.note(id, undefined);
    return { done: undefined };
  });
}

/** The check that holds as long as the group is as it was seen: a share group without members. */
async function requireEmptyShare(broker: Broker, group: string, { mayMake }: { mayMake: boolean }): Promise<Write> {
  const state = await decideAgain('group', async () => {
    const present = await readState(broker.metadata, group);
    if (present !== undefined || !mayMake) return { done: present };
    const made: GroupState = { ...newGroupState(newNonce(broker.random), 'share', broker.clock.now()), version: 1 };
    const written = await broker.metadata.write([planGroup(group, made), planEntry(group, broker.clock.now())]);
    return written.outcome === 'refused' ? 'again' : { done: made };
  });
  if (state === undefined || state.kind !== 'share') throw noSuchGroup(group);
  if (state.members > 0 || (await readMembers(broker.metadata, group)).size > 0) throw nonEmpty(group);
  return {
    kind: 'check',
    key: stateKey(group),
    conditions: [
      { clause: 'equals', attribute: 'y', value: state.nonce },
      { clause: 'equals', attribute: 'c', value: 0 },
    ],
  };
}
