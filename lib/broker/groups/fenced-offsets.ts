/** Offsets of a member that are committed with something else: the check that goes into the same atomic write. */
import { planFence } from '../../coordination/groups/fence.ts';
import { type MemberName, seatOf } from '../../coordination/groups/seat.ts';
import type { PendingOffset } from '../../coordination/transactions/part-item.ts';
import type { Write } from '../../kernel/items.ts';
import type { Broker } from '../broker.ts';
import { checkCommit } from './commit-writes.ts';
import { readMember } from './group-items.ts';

export interface FencedMember extends MemberName {
  /** The member's epoch; absent: whatever it is now. */
  epoch?: number;
}

/** Throws where the member may not commit these: see `commitOffsets`. */
export async function fenceFor(
  { metadata }: Broker,
  { group, member, offsets }: { group: string; member: FencedMember; offsets: readonly PendingOffset[] },
): Promise<Write & { kind: 'check' }> {
  const { epoch, ...name } = member;
  const present = await readMember(metadata, group, seatOf(name));
  const admitted = checkCommit(present, { name, epoch, offsets });
  return planFence(group, name, admitted.epoch);
}
