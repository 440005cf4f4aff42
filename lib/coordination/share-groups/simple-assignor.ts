/**
 * Spreads partitions over the members of a share group (Kafka's assignor `simple`). Members share partitions, so that
 * nobody idles: every partition has a member that subscribes to its topic, and every member has a partition of what it
 * subscribes to.
 *
 * Members with equal subscriptions get as many as each other, or one more. What a member has it keeps as far as that
 * allows.
 */
import type { TopicId } from '../../kernel/ids.ts';
import {
  allPartitions,
  byText,
  eachPartition,
  hasPartition,
  type Partitions,
  partitionsOf,
  type TopicPartition,
} from '../groups/partitions.ts';
import type { Seat } from '../groups/seat.ts';

export interface SharingMember {
  seat: Seat;
  topics: ReadonlySet<TopicId>;
  current: Partitions;
}

/** By seat. `topics`: their partitions. */
export function assignShared(
  members: readonly SharingMember[],
  topics: ReadonlyMap<TopicId, number>,
): Map<Seat, Partitions> {
  const loads = members
    .toSorted((a, b) => byText(a.seat, b.seat))
    .map(({ seat, topics: own, current }): Load => ({ seat, topics: own, current, assigned: [] }));
  const open: TopicPartition[] = [];
  const partitions = [...eachPartition(allPartitions(topics))];
  const share = fairShare(partitions.length, loads.length);
  for (const partition of partitions) {
    const holder = loads.find(
      (load) => wants(load, partition) && hasPartition(load.current, partition) && share.take(load),
    );
    if (holder === undefined) open.push(partition);
    else holder.assigned.push(partition);
  }
  for (const partition of open) leastLoaded(loads.filter((load) => wants(load, partition)))?.assigned.push(partition);
  shareOut(
    loads.filter(({ assigned }) => assigned.length === 0),
    { partitions, together: Math.ceil(loads.length / Math.max(1, partitions.length)) },
  );
  return new Map(loads.map(({ seat, assigned }) => [seat, partitionsOf(assigned)]));
}

interface Load extends SharingMember {
  assigned: TopicPartition[];
}

/** As many as all have, and one more for some: who has room for what it had. */
function fairShare(partitions: number, members: number) {
  const floor = Math.floor(partitions / Math.max(1, members));
  let larger = partitions - floor * members;
  return {
    take({ assigned }: Load): boolean {
      if (assigned.length < floor) return true;
      if (assigned.length > floor || larger <= 0) return false;
      larger -= 1;
      return true;
    },
  };
}

function wants({ topics }: Load, { topicId }: TopicPartition): boolean {
  return topics.has(topicId);
}

function leastLoaded(loads: readonly Load[]): Load | undefined {
  let least = loads[0];
  for (const load of loads) if (least !== undefined && load.assigned.length < least.assigned.length) least = load;
  return least;
}

/**
 * Members for which nothing was left share what others have: what they had, as long as no more than `together` have it,
 * or else what the fewest have.
 */
function shareOut(
  loads: readonly Load[],
  { partitions, together }: { partitions: readonly TopicPartition[]; together: number },
): void {
  const holders = new Map(partitions.map((partition) => [nameOf(partition), 1]));
  const count = (partition: TopicPartition) => holders.get(nameOf(partition)) ?? 0;
  const give = (load: Load, partition: TopicPartition) => {
    load.assigned.push(partition);
    holders.set(nameOf(partition), count(partition) + 1);
  };
  const wanted = (load: Load) => partitions.filter((partition) => wants(load, partition));
  for (const load of loads) {
    const own = wanted(load).find((partition) => hasPartition(load.current, partition) && count(partition) < together);
    if (own !== undefined) give(load, own);
  }
  for (const load of loads) {
    if (load.assigned.length > 0) continue;
    const [first, ...others] = wanted(load);
    if (first === undefined) continue;
    give(
      load,
      others.reduce((least, partition) => (count(partition) < count(least) ? partition : least), first),
    );
  }
}

function nameOf({ topicId, partition }: TopicPartition): string {
  return `${topicId}:${partition}`;
}
