/** Reads the items of a group. */
import { decodeGroup, type GroupState, stateKey } from '../../coordination/groups/group-item.ts';
import { decodeMember, type Member } from '../../coordination/groups/member-item.ts';
import { decodeOffsets, groupKey, OFFSETS_PER_ITEM, offsetsKey } from '../../coordination/groups/offsets-item.ts';
import type { TopicPartition } from '../../coordination/groups/partitions.ts';
import { MEMBER_PREFIX, memberKey, type Seat, seatOfKey } from '../../coordination/groups/seat.ts';
import { decodeTarget, type Target, targetKey } from '../../coordination/groups/target-item.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Consistency, MetadataStore, QueryPage } from '../../storage/metadata/port.ts';

export async function readState(
  metadata: MetadataStore,
  group: string,
  consistency: Consistency = 'strong',
): Promise<GroupState | undefined> {
  const attributes = await metadata.get(stateKey(group), consistency);
  return attributes && decodeGroup(attributes);
}

export async function readTarget(metadata: MetadataStore, group: string): Promise<Target | undefined> {
  const attributes = await metadata.get(targetKey(group), 'strong');
  return attributes && decodeTarget(attributes);
}

export async function readMember(metadata: MetadataStore, group: string, seat: Seat): Promise<Member | undefined> {
  const attributes = await metadata.get(memberKey(group, seat), 'strong');
  return attributes && decodeMember(seat, attributes);
}

/** Those of these seats that are taken. */
export async function readSeats(
  metadata: MetadataStore,
  group: string,
  seats: Iterable<Seat>,
): Promise<Map<Seat, Member>> {
  const found = await mapBounded([...new Set(seats)], storageLimits.storageFanOutMax, (seat) =>
    readMember(metadata, group, seat),
  );
  return new Map(found.flatMap((member) => (member === undefined ? [] : [[member.seat, member] as const])));
}

/** All members there are. */
export async function readMembers(metadata: MetadataStore, group: string): Promise<Map<Seat, Member>> {
  const members = new Map<Seat, Member>();
  for await (const { key, attributes } of itemsOf(metadata, group, MEMBER_PREFIX)) {
    const seat = seatOfKey(key);
    members.set(seat, decodeMember(seat, attributes));
  }
  return members;
}

/** All items of a group whose sort keys begin so, strongly read. */
export async function* itemsOf(metadata: MetadataStore, group: string, prefix: string) {
  let from: string | undefined = prefix;
  // Above every key that begins with the prefix, which ends in `#`.
  const to = `${prefix.slice(0, -1)}$`;
  while (from !== undefined) {
    const page: QueryPage = await metadata.query({
      pk: groupKey(group),
      from,
      to,
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    yield* page.items;
    from = page.next;
  }
}

/** What the group has committed of these partitions; by `nameOf`. */
export async function readCommitted(
  metadata: MetadataStore,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<Map<string, number>> {
  const items = new Map(
    partitions.map(({ topicId, partition }) => {
      const id = { group, topicId, index: Math.floor(partition / OFFSETS_PER_ITEM) };
      return [`${topicId}:${id.index}`, id];
    }),
  );
  const committed = new Map<string, number>();
  await mapBounded([...items.values()], storageLimits.storageFanOutMax, async (id) => {
    const attributes = await metadata.get(offsetsKey(id), 'strong');
    if (attributes === undefined) return;
    for (const [slot, entry] of decodeOffsets(attributes).slots.entries()) {
      if (entry === undefined) continue;
      committed.set(nameOf({ topicId: id.topicId, partition: id.index * OFFSETS_PER_ITEM + slot }), entry.offset);
    }
  });
  return committed;
}

export function nameOf({ topicId, partition }: TopicPartition): string {
  return `${topicId}:${partition}`;
}
