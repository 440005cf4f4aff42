/**
 * Commits where a member begins in partitions of which the group has committed nothing, if it begins at their end. The
 * end is another one a moment later: were it not kept, what an answer that got lost had delivered would be passed over
 * by the next.
 */
import { planFence } from '../../coordination/groups/fence.ts';
import type { ConsumerMember } from '../../coordination/groups/member-item.ts';
import { OFFSETS_PER_ITEM } from '../../coordination/groups/offsets-item.ts';
import type { Condition, Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { chunked } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { offsetWrites } from '../transactions/prepare.ts';
import { nameOf, readCommitted } from './group-items.ts';
import type { Place } from './places.ts';

/** Where something is committed meanwhile, by another poll of the member, that is where it begins. */
export async function pinPlaces(
  broker: Broker,
  { group, member, places }: { group: string; member: ConsumerMember; places: readonly Place[] },
): Promise<void> {
  const { metadata, clock } = broker;
  const fence = planFence(group, { memberId: String(member.memberId), instanceId: member.instanceId }, member.epoch);
  const byItem = Map.groupBy(
    places,
    ({ topicId, partition }) => `${topicId}#${Math.floor(partition / OFFSETS_PER_ITEM)}`,
  );
  for (const items of chunked([...byItem.values()], storageLimits.transactionItemsMax - 1)) {
    const writes = items.map((own) => planFirst(group, own, clock.now()));
    const written = await metadata.write([fence, ...writes]);
    const pinned = items.flat();
    if (written.outcome === 'applied') for (const place of pinned) place.fresh = false;
    else await adopt(broker, group, pinned);
  }
}

/** An item's offsets, none of which may be there. */
function planFirst(group: string, places: readonly Place[], nowMs: number): Write {
  const pending = places.map(({ topic, topicId, partition, offset }) => ({ group, topic, topicId, partition, offset }));
  const [write] = offsetWrites(pending, nowMs);
  const conditions = places.map(({ partition }): Condition => {
    return { clause: 'absent', attribute: `o${partition % OFFSETS_PER_ITEM}` };
  });
  return { ...(write as Write & { kind: 'update' }), conditions };
}

async function adopt({ metadata }: Broker, group: string, places: readonly Place[]): Promise<void> {
  const committed = await readCommitted(metadata, group, places);
  for (const place of places) {
    const offset = committed.get(nameOf(place));
    if (offset === undefined) continue;
    place.offset = offset;
    place.fresh = false;
  }
}
