/**
 * Who is alive. A sign of life is a time in the member's item, renewed when a third of the session is over and not with
 * every heartbeat. Whoever looks over the group judges in two steps, each a conditional write on exactly the item that
 * was judged: after two thirds of the session it marks the member as suspect, and when the session is over and the mark
 * has stood for a third of it, it removes the member. Every heartbeat of a suspect removes the mark.
 *
 * So one clock that is wrong by any constant amount costs writes, but no member that heartbeats at least every quarter
 * of its session, as long as the others are right to a twelfth of it: who judges by it marks everybody, and finds the
 * marks gone; the others mark nobody whose mark it could find old. It takes two clocks that are wrong, one that jumps
 * between the two steps, or a member that is silent that long, for one to be removed too early. Even that is safe: it
 * is fenced by the same write.
 */

import type { GroupState } from './group-item.ts';
import type { Member } from './member-item.ts';
import type { Seat } from './seat.ts';
import type { Target } from './target-item.ts';
import { unfollowed } from './withdrawals.ts';

export type Verdict = 'alive' | 'suspect' | 'gone';

/** Whether a heartbeat at this time is to be noted in the member's item. */
export function isRenewalDue({ seenMs, sessionTimeoutMs, suspectMs }: Member, nowMs: number): boolean {
  // A time far ahead was noted by a clock that was wrong, or is wrong now.
  return suspectMs !== undefined || Math.abs(nowMs - seenMs) >= sessionTimeoutMs / 3;
}

export function judge({ seenMs, sessionTimeoutMs, suspectMs }: Member, nowMs: number): Verdict {
  const third = sessionTimeoutMs / 3;
  const silentMs = nowMs - seenMs;
  const ahead = silentMs < -third;
  if (silentMs < 2 * third && !ahead) return 'alive';
  const markedMs = suspectMs === undefined ? undefined : nowMs - suspectMs;
  // A mark of a clock that is ahead is made anew, by this one.
  if (markedMs === undefined || markedMs < 0) return 'suspect';
  return markedMs >= third && (silentMs >= sessionTimeoutMs || ahead) ? 'gone' : 'alive';
}

/** Whether the member was told to give something up, and has not within its rebalance timeout. */
function isOverdue(member: Member, target: Target | undefined, nowMs: number): boolean {
  if (target === undefined || member.kind !== 'consumer') return false;
  return unfollowed(target, member).some(({ sinceMs }) => nowMs - sinceMs >= member.rebalanceTimeoutMs);
}

export interface Judged {
  /** To be marked (`planSuspicion`). */
  suspects: Member[];
  /** To be removed (`planRemoval`); then the group is regrouped. */
  gone: Member[];
}

/** All members, those that no target has among them. */
export function judgeMembers(
  members: ReadonlyMap<Seat, Member>,
  { target, nowMs }: { target: Target | undefined; nowMs: number },
): Judged {
  const judged: Judged = { suspects: [], gone: [] };
  for (const member of members.values()) {
    const verdict = isOverdue(member, target, nowMs) ? 'gone' : judge(member, nowMs);
    if (verdict === 'suspect') judged.suspects.push(member);
    if (verdict === 'gone') judged.gone.push(member);
  }
  return judged;
}

/** The item with the mark; not a sign of life. */
export function suspected<M extends Member>(member: M, nowMs: number): M {
  return { ...member, suspectMs: nowMs, writes: member.writes + 1 };
}

/** Whether somebody should look over the group; whoever does takes it upon itself first (`planLook`). */
export function isLookDue({ lookMs }: GroupState, nowMs: number, everyMs: number): boolean {
  // A time that far ahead is of a clock that was wrong.
  return nowMs >= lookMs || lookMs - nowMs > 2 * everyMs;
}
