/**
 * What share groups have done with partitions: there is the topic, and the group. The maintenance removes what is left
 * of either: of a topic as long as its deletion is still known, which is an hour at least; of a group as long as the
 * directory of groups has it.
 */
import { stateKey } from '../../coordination/groups/group-item.ts';
import { groupKey } from '../../coordination/groups/offsets-item.ts';
import { parseSharePartitionKey, SHARE_PREFIX } from '../../coordination/share-groups/share-partition-item.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import type { CheckContext } from './context.ts';
import { type Finding, finding } from './finding.ts';

const GROUPS = groupKey('');

/** The topic that an item of a share partition is about; `undefined` for other items. */
export function sharedTopicIn({ pk, sk }: ItemKey): TopicId | undefined {
  return pk.startsWith(GROUPS) && sk.startsWith(SHARE_PREFIX) ? parseSharePartitionKey(sk).topicId : undefined;
}

export async function checkShareItems(
  { broker }: CheckContext,
  keys: readonly ItemKey[],
  forsaken: ReadonlySet<TopicId>,
): Promise<Finding[]> {
  const items = keys.filter((key) => sharedTopicIn(key) !== undefined);
  const gone = await groupsGoneAmong(broker, new Set(items.map(groupIn)));
  const found = await mapBounded(items, checkLimits.checkLooksInFlightMax, async (item) => {
    const group = groupIn(item);
    const topicId = sharedTopicIn(item) ?? '';
    if (!forsaken.has(topicId) && !gone.has(group)) return [];
    if ((await broker.metadata.get(item, 'strong')) === undefined) return [];
    const what = gone.has(group)
      ? `There are share partitions of the group ${group}, which is gone.`
      : `The share group ${group} still has its place in a topic that is gone (${topicId}).`;
    return [finding('item-stray', { item }, what)];
  });
  return found.flat();
}

function groupIn({ pk }: ItemKey): string {
  return pk.slice(GROUPS.length);
}

/** A group's state comes before its share partitions and goes before them: it may be on its way out. */
async function groupsGoneAmong(broker: Broker, groups: ReadonlySet<string>): Promise<Set<string>> {
  const gone = await withoutState(broker, groups);
  if (gone.size === 0) return gone;
  await broker.clock.sleep(checkLimits.checkSettleMs);
  return withoutState(broker, gone);
}

async function withoutState({ metadata }: Broker, groups: ReadonlySet<string>): Promise<Set<string>> {
  const found = await mapBounded([...groups], checkLimits.checkLooksInFlightMax, async (group) =>
    (await metadata.get(stateKey(group), 'strong')) === undefined ? [group] : [],
  );
  return new Set(found.flat());
}
