/**
 * Leaves a group: the member's partitions are free at once. With a cursor, what was delivered up to it is committed
 * before.
 */
import { decideLeave } from '../../coordination/groups/join.ts';
import { type Member, planMember, planRemoval } from '../../coordination/groups/member-item.ts';
import { type MemberName, seatOf } from '../../coordination/groups/seat.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';
import { writeCommit } from './commit-writes.ts';
import { readMember } from './group-items.ts';
import { delivered } from './membership.ts';
import { decodePollCursor } from './poll-cursor.ts';
import { refusal } from './refusals.ts';
import { keepFenced, regroup } from './regroup.ts';

export interface LeaveRequest extends MemberName {
  group: string;
  cursor?: string;
  /** Of a static member that means to come back: its partitions wait for it until its session is over. */
  keepSeat?: boolean;
}

/** Throws `UNKNOWN_MEMBER_ID` or `FENCED_INSTANCE_ID` where the caller is not a member. */
export async function leaveGroup(broker: Broker, request: LeaveRequest): Promise<void> {
  const { group, cursor: text, keepSeat = false, ...name } = request;
  checkGroupId(group);
  const cursor = text === undefined ? undefined : decodePollCursor(name.memberId, text);
  if (text !== undefined && cursor === undefined) {
    throw new MillraceError('INVALID_REQUEST', 'cursor is not one that an answer to this member had.', {
      facts: { field: 'cursor' },
    });
  }
  let tried = false;
  const left = await decideAgain('leave', async () => {
    const present = await readMember(broker.metadata, group, seatOf(name));
    const decided = decideLeave(present, { name, keepSeat });
    if (decided.outcome === 'refused') {
      // An attempt before may have been applied, and its answer lost.
      if (tried && decided.code === 'UNKNOWN_MEMBER_ID') return { done: 'left' as const };
      throw refusal(decided);
    }
    tried = true;
    const member = present as Member;
    const offsets = member.kind === 'consumer' ? await delivered(broker, { group, cursor }, member) : [];
    if (decided.outcome === 'leave') await keepFenced(broker, group, [decided.remove]);
    const last = decided.outcome === 'leave' ? planRemoval(group, decided.remove) : planMember(group, decided.next);
    const written = await writeCommit(broker, { group, member, offsets, last });
    return written.outcome === 'refused' ? 'again' : { done: decided.outcome };
  });
  if (left === 'step-out') return;
  await regroup(broker, group).catch((error: unknown) => {
    // The member is gone all the same, and whoever polls next finds that the group is to be regrouped.
    broker.log.warn('a group could not be regrouped after a member left', { group, error });
  });
}
