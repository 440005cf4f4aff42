/** A group that a trigger drives has no members: who has just come in is taken out again. */
import { type Member, planRemoval } from '../../coordination/groups/member-item.ts';
import type { Broker } from '../broker.ts';
import { requireUnclaimed } from '../triggers/claim.ts';

/** Throws `INCONSISTENT_GROUP_PROTOCOL`. `member`: as it was written; it stays where it was there before. */
export async function refuseClaimed(broker: Broker, group: string, member: Member): Promise<void> {
  try {
    await requireUnclaimed(broker, group);
  } catch (error) {
    await removeNew(broker, group, member);
    throw error;
  }
}

/** Removes a member that was made for a join which is refused, if nothing was written to it since. */
export async function removeNew({ metadata }: Broker, group: string, member: Member): Promise<void> {
  if (member.writes === 1) await metadata.write([planRemoval(group, member)]);
}
