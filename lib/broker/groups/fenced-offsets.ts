/** Offsets of members that are committed with something else: the checks that go into the same atomic write. */
import { type Fence, type FencedMember, planFence } from '../../coordination/groups/fence.ts';
import { seatOf } from '../../coordination/groups/seat.ts';
import type { PendingOffset } from '../../coordination/transactions/part-item.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { checkCommit } from './commit-writes.ts';
import { readMember } from './group-items.ts';

export interface MemberCommit {
  group: string;
  member: FencedMember;
  offsets: readonly PendingOffset[];
}

/**
 * One fence for each member; throws where one may not commit these: see `commitOffsets`. A member is read once, so that
 * all it commits is held against the same state of it, which the fence then stands for.
 */
export async function fencesFor({ metadata }: Broker, commits: readonly MemberCommit[]): Promise<Fence[]> {
  const seats = Map.groupBy(commits, ({ group, member }) => JSON.stringify([group, seatOf(member)]));
  return mapBounded([...seats.values()], storageLimits.storageFanOutMax, async (own) => {
    const [{ group, member }] = own as [MemberCommit];
    const present = await readMember(metadata, group, seatOf(member));
    const [fence] = own.map(({ member: { epoch, ...name }, offsets }) => {
      return planFence(group, name, checkCommit(present, { name, epoch, offsets }).epoch);
    });
    return fence as Fence;
  });
}
