/**
 * A page of the table's keys, in the order in which a scan brings them: what the items belong to is there, and wants
 * them. A scan is eventually consistent; what it makes look wrong is read strongly before it is reported.
 */

import { decodeOffsets, OFFSETS_PREFIX, parseOffsetsKey } from '../../coordination/groups/offsets-item.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { INLINE_PREFIX } from '../../storage/objects/inline-item.ts';
import { claimantOf } from '../triggers/claim.ts';
import { checkLedgerItems } from './check-ledger-items.ts';
import { checkObject } from './check-object.ts';
import { checkShareItems, sharedTopicIn } from './check-share-items.ts';
import { checkClaim, checkEntry, checkTopicItem } from './check-topic-items.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding } from './finding.ts';
import type { KnownTopics } from './known-topics.ts';

export async function checkItems(
  context: CheckContext,
  topics: KnownTopics,
  keys: readonly ItemKey[],
): Promise<Finding[]> {
  context.counts.items += keys.length;
  const forsaken = await topics.forsakenAmong(new Set(keys.map(topicIdIn).filter((id) => id !== undefined)));
  const found = await mapBounded(keys, checkLimits.checkLooksInFlightMax, (key) => checkItem(context, key, forsaken));
  const shared = await checkShareItems(context, keys, forsaken);
  return [...found.flat(), ...shared, ...(await checkLedgerItems(context, keys, forsaken))];
}

/** The id of the topic that the item is about. */
function topicIdIn(key: ItemKey): TopicId | undefined {
  const { pk, sk } = key;
  const [kind, id] = pk.split('#');
  if (kind === 'ledger' || kind === 'partition') return id;
  if (kind === 'lease') return sk.split('#')[0];
  return kind === 'group' && sk.startsWith(OFFSETS_PREFIX) ? parseOffsetsKey(sk).topicId : sharedTopicIn(key);
}

async function checkItem(context: CheckContext, key: ItemKey, forsaken: ReadonlySet<TopicId>): Promise<Finding[]> {
  const { pk, sk } = key;
  const [kind = '', ...rest] = pk.split('#');
  const name = rest.join('#');
  switch (kind) {
    case 'topics':
      return checkEntry(context, sk);
    case 'topic':
      return sk === 'claim' ? checkClaim(context, pk) : checkTopicItem(context, name);
    case 'inline':
      return checkObject(context, `${INLINE_PREFIX}${rest[0]}/${sk}`);
    case 'lease':
      return checkLease(context, key, name, forsaken);
    case 'group':
      return sk.startsWith(OFFSETS_PREFIX) ? checkOffsets(context, key, forsaken) : [];
    default:
      return [];
  }
}

/**
 * Leases of topics that are gone are removed by the sweeper of triggers; of triggers that are gone, by who deletes
 * those.
 */
async function checkLease(
  { broker }: CheckContext,
  item: ItemKey,
  group: string,
  forsaken: ReadonlySet<TopicId>,
): Promise<Finding[]> {
  if (!forsaken.has(topicIdIn(item) ?? '') || (await claimantOf(broker, group)) !== undefined) return [];
  if ((await broker.metadata.get(item, 'strong')) === undefined) return [];
  return [
    finding('item-stray', { item }, `The group ${group} has a lease, and neither its trigger nor its topic is there.`),
  ];
}

/** They expire as all offsets do, some time after their last commit. */
async function checkOffsets(
  { broker }: CheckContext,
  item: ItemKey,
  forsaken: ReadonlySet<TopicId>,
): Promise<Finding[]> {
  const { topicId } = parseOffsetsKey(item.sk);
  if (!forsaken.has(topicId)) return [];
  const attributes = await broker.metadata.get(item, 'strong');
  if (attributes === undefined) return [];
  const { topic, slots } = decodeOffsets(attributes);
  const newestMs = Math.max(0, ...slots.map((slot) => slot?.committedMs ?? 0));
  if (newestMs > broker.clock.now() - groupLimits.offsetsRetentionMsDefault - checkLimits.checkGraceMs) return [];
  return [
    finding('item-stray', { item }, `A group still has offsets of the topic ${topic} (${topicId}), which is gone.`),
  ];
}
