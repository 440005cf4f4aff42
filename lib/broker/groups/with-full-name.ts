/**
 * Members of KIP-848 say their instance id when they join, and need not say it again. Its seat is under it: a process
 * that has not heard it looks for the member among all.
 */
import type { MemberName } from '../../coordination/groups/seat.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Broker } from '../broker.ts';
import { readMembers } from './group-items.ts';

/** Does `work` by the name that has the member's seat. */
export async function withFullName<T>(
  broker: Broker,
  { group, name }: { group: string; name: MemberName },
  work: (name: MemberName) => Promise<T>,
): Promise<T> {
  const { groups } = broker;
  if (name.instanceId !== undefined) {
    groups.noteInstance(group, name.memberId, name.instanceId);
    return work(name);
  }
  const known = groups.instanceOf(group, name.memberId);
  if (known !== undefined) return work({ ...name, instanceId: known });
  try {
    return await work(name);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'UNKNOWN_MEMBER_ID') throw error;
    const members = [...(await readMembers(broker.metadata, group)).values()];
    const instanceId = members.find((member) => (member.memberId ?? member.awayId) === name.memberId)?.instanceId;
    if (instanceId === undefined) throw error;
    groups.noteInstance(group, name.memberId, instanceId);
    return work({ ...name, instanceId });
  }
}
