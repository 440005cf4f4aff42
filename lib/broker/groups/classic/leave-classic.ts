/**
 * LeaveGroup: members that say that they leave, or whom an administrator removes (KIP-345: by the instance id alone).
 */
import { decideLeave } from '../../../coordination/groups/join.ts';
import { type Member, planRemoval } from '../../../coordination/groups/member-item.ts';
import { type MemberName, seatOf } from '../../../coordination/groups/seat.ts';
import { checkGroupId } from '../../../coordination/transactions/ids.ts';
import { type ErrorCode, MillraceError } from '../../../kernel/errors.ts';
import type { Broker } from '../../broker.ts';
import { decideAgain } from '../../write-attempts.ts';
import { readMember } from '../group-items.ts';
import { refusal } from '../refusals.ts';
import { keepFenced, regroup } from '../regroup.ts';
import { takeRounds } from './rounds.ts';

export interface LeaveMembersRequest {
  group: string;
  /** A member id may be empty where there is an instance id. */
  members: readonly MemberName[];
}

/** Of single members; anything else is of the whole request. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID']);

/** In the order of the members: why one was not removed, or `undefined`. */
export async function leaveMembers(
  broker: Broker,
  { group, members }: LeaveMembersRequest,
): Promise<(ErrorCode | undefined)[]> {
  checkGroupId(group);
  const outcomes: (ErrorCode | undefined)[] = [];
  const kinds = new Set<Member['kind']>();
  for (const name of members) {
    try {
      kinds.add(await remove(broker, group, name));
      outcomes.push(undefined);
    } catch (error) {
      if (!(error instanceof MillraceError) || !REFUSALS.has(error.code)) throw error;
      outcomes.push(error.code);
    }
  }
  // Should this fail, whoever looks over the group next does it.
  if (kinds.has('classic')) await takeRounds(broker, group);
  if (kinds.has('consumer')) await regroup(broker, group);
  return outcomes;
}

async function remove(broker: Broker, group: string, name: MemberName): Promise<Member['kind']> {
  let tried: Member | undefined;
  return decideAgain('leave', async () => {
    const present = await readMember(broker.metadata, group, seatOf(name));
    const isAnybody = name.memberId === '' && name.instanceId !== undefined;
    const named = isAnybody ? { ...name, memberId: present?.memberId ?? present?.awayId ?? '' } : name;
    const decided = decideLeave(present, { name: named, keepSeat: false });
    if (decided.outcome === 'refused') {
      // An attempt before may have been applied, and its answer lost.
      if (tried !== undefined && decided.code === 'UNKNOWN_MEMBER_ID') return { done: tried.kind };
      throw refusal(decided);
    }
    const leaving = decided.outcome === 'leave' ? decided.remove : decided.next;
    tried = leaving;
    await keepFenced(broker, group, [leaving]);
    const written = await broker.metadata.write([planRemoval(group, leaving)]);
    return written.outcome === 'refused' ? 'again' : { done: leaving.kind };
  });
}
