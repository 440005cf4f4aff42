/**
 * Coming into a share group, and wanting other topics: writes of the member's own item. The group's target changes
 * after it (share-regroup.ts).
 */
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';
import { type GroupState, isOfOtherKind } from '../groups/group-item.ts';
import { type Member, type ShareMember, touched } from '../groups/member-item.ts';
import { type Refused, refuse } from '../groups/refusal.ts';
import { seatOf } from '../groups/seat.ts';
import { equalSubscriptions, parseSubscription, type Subscription } from '../groups/subscription.ts';

export interface ShareJoinRequest {
  memberId: string;
  names: readonly string[];
  sessionTimeoutMs: number;
  client: string;
  host: string;
}

/** `next` is to be written (`planMember`), with a nonce of this attempt: none is ever tried twice. */
export type ShareJoinDecision = { outcome: 'join'; next: ShareMember } | Refused;

/** A member that is there joins again by the same item: it has lost an answer, or what it knew. */
export function decideShareJoin(
  {
    state,
    present,
    request,
  }: { state: GroupState | undefined; present: Member | undefined; request: ShareJoinRequest },
  { nowMs, nonce }: { nowMs: number; nonce: string },
): ShareJoinDecision {
  if (isOfOtherKind(state, 'share') || (present !== undefined && present.kind !== 'share')) {
    return refuse('GROUP_ID_NOT_FOUND', 'the group is not a share group');
  }
  const parsed = parseSubscription(request.names, undefined, true);
  if (parsed.outcome === 'refused') return parsed;
  const epoch = state?.epoch ?? 0;
  const { sessionTimeoutMs, client, host } = request;
  if (present?.kind === 'share') {
    const next = withSubscription(present, parsed.subscription, nowMs);
    return { outcome: 'join', next: { ...next, epoch, sessionTimeoutMs, client, host } };
  }
  const { shareGroupMembersMax } = shareGroupLimits;
  if ((state?.members ?? 0) >= shareGroupMembersMax) {
    return refuse('GROUP_MAX_SIZE_REACHED', `a share group has at most ${shareGroupMembersMax} members`);
  }
  const { memberId } = request;
  const next: ShareMember = {
    kind: 'share',
    seat: seatOf({ memberId }),
    nonce,
    writes: 1,
    memberId,
    epoch,
    seenMs: nowMs,
    sessionTimeoutMs,
    rebalanceTimeoutMs: sessionTimeoutMs,
    client,
    host,
    subscription: parsed.subscription,
    subscriptionNumber: 0,
  };
  return { outcome: 'join', next };
}

/** A heartbeat of a member that wants other topics than before; else `undefined`. */
export function decideShareChange(
  member: ShareMember,
  names: readonly string[],
  nowMs: number,
): { outcome: 'change'; next: ShareMember } | { outcome: 'same' } | Refused {
  const parsed = parseSubscription(names, undefined, true);
  if (parsed.outcome === 'refused') return parsed;
  if (equalSubscriptions(member.subscription, parsed.subscription)) return { outcome: 'same' };
  return { outcome: 'change', next: withSubscription(member, parsed.subscription, nowMs) };
}

/** Counts a change of what regrouping looks at. */
function withSubscription(member: ShareMember, subscription: Subscription, nowMs: number): ShareMember {
  const same = equalSubscriptions(member.subscription, subscription);
  const subscriptionNumber = member.subscriptionNumber + (same ? 0 : 1);
  return touched(member, nowMs, { subscription, subscriptionNumber });
}
