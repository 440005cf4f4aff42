/**
 * Coming into a group and going: writes of the member's own item. The group's state and target change after it, by
 * whoever regroups (regroup.ts), which is the same call where all goes well; a member that joined owns nothing before.
 */
import { groupLimits } from '../../kernel/limits/groups.ts';
import { type AssignorName, isAssignorName } from './assignors/by-name.ts';
import { type GroupState, isOfOtherKind } from './group-item.ts';
import { type ConsumerMember, type Member, touched } from './member-item.ts';
import { NO_PARTITIONS } from './partitions.ts';
import { type Refused, refuse } from './refusal.ts';
import { type MemberName, seatOf } from './seat.ts';
import { equalSubscriptions, parseSubscription, type Subscription } from './subscription.ts';

export interface JoinRequest extends MemberName {
  names: readonly string[];
  pattern?: string;
  assignor?: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  client?: string;
  host?: string;
  /** It may subscribe to nothing. */
  mayBeIdle?: boolean;
  /**
   * What becomes of a member that has the same instance id. True: it is fenced, as members of the classic protocol are;
   * false: it has to leave first or to time out, as with KIP-848.
   */
  takesOver: boolean;
}

/** `next` is to be written (`planMember`), with a nonce of this attempt: none is ever tried twice. */
export type JoinDecision = { outcome: 'join'; next: ConsumerMember } | Refused;

export function decideJoin(
  { state, present, request }: { state: GroupState | undefined; present: Member | undefined; request: JoinRequest },
  { nowMs, nonce }: { nowMs: number; nonce: string },
): JoinDecision {
  const checked = checkRequest(request);
  if (checked.outcome === 'refused') return checked;
  if (isOfOtherKind(state, 'consumer')) {
    return refuse('INCONSISTENT_GROUP_PROTOCOL', `the group is of another kind: ${state?.kind}`);
  }
  const said = saidBy(request, checked);
  if (present === undefined || present.kind !== 'consumer') {
    if ((state?.members ?? 0) >= groupLimits.groupMembersMax) {
      return refuse('GROUP_MAX_SIZE_REACHED', `a group has at most ${groupLimits.groupMembersMax} members`);
    }
    return { outcome: 'join', next: newMember(request, { said, nonce, nowMs }) };
  }
  const away = present.memberId === undefined;
  if (!away && present.memberId !== request.memberId && !request.takesOver) {
    const instance = String(present.instanceId);
    return refuse('UNRELEASED_INSTANCE_ID', `the instance id ${instance} is another member's, who has not left`);
  }
  const own = present.memberId === request.memberId ? present : handedOver(present);
  const next = withSubscription(touched(own, nowMs, { ...said, memberId: request.memberId }), present);
  return { outcome: 'join', next };
}

/**
 * The seat of another member, for who comes now. Its epoch is a new one: whoever was there may come back by a join that
 * is late, with its join id, and what it read before is then not to be committed any more.
 */
function handedOver({ kept: _kept, awayId: _awayId, ...member }: ConsumerMember): ConsumerMember {
  return member.epoch === 0 ? member : { ...member, epoch: member.epoch + 1, previousEpoch: member.epoch };
}

/** A heartbeat of somebody who wants other topics, timeouts or another assignor than before; else `undefined`. */
export function decideChange(
  { member, request }: { member: ConsumerMember; request: JoinRequest },
  nowMs: number,
): { outcome: 'change'; next: ConsumerMember } | { outcome: 'same' } | Refused {
  const checked = checkRequest(request);
  if (checked.outcome === 'refused') return checked;
  const said = saidBy(request, checked);
  const same =
    equalSubscriptions(member.subscription, said.subscription) &&
    member.assignor === said.assignor &&
    member.sessionTimeoutMs === said.sessionTimeoutMs &&
    member.rebalanceTimeoutMs === said.rebalanceTimeoutMs;
  if (same) return { outcome: 'same' };
  return { outcome: 'change', next: withSubscription(touched(member, nowMs, said), member) };
}

type Said = Pick<
  ConsumerMember,
  'subscription' | 'assignor' | 'sessionTimeoutMs' | 'rebalanceTimeoutMs' | 'instanceId' | 'client' | 'host'
>;

function saidBy(
  { sessionTimeoutMs, rebalanceTimeoutMs, instanceId, client, host }: JoinRequest,
  { subscription, assignor }: { subscription: Subscription; assignor?: AssignorName },
): Said {
  return {
    subscription,
    assignor,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    ...(instanceId !== undefined && { instanceId }),
    ...(client !== undefined && { client }),
    ...(host !== undefined && { host }),
  };
}

function newMember(
  request: JoinRequest,
  { said, nonce, nowMs }: { said: Said; nonce: string; nowMs: number },
): ConsumerMember {
  return {
    kind: 'consumer',
    seat: seatOf(request),
    nonce,
    writes: 1,
    memberId: request.memberId,
    epoch: 0,
    previousEpoch: 0,
    followed: 0,
    owned: NO_PARTITIONS,
    seenMs: nowMs,
    subscriptionNumber: 0,
    ...said,
  };
}

/** Counts a change of what regrouping looks at. */
function withSubscription(next: ConsumerMember, before: ConsumerMember): ConsumerMember {
  const same = equalSubscriptions(next.subscription, before.subscription);
  return { ...next, subscriptionNumber: before.subscriptionNumber + (same ? 0 : 1) };
}

function checkRequest(
  request: JoinRequest,
): { outcome: 'subscription'; subscription: Subscription; assignor?: AssignorName } | Refused {
  const { memberId, instanceId, assignor, sessionTimeoutMs, rebalanceTimeoutMs } = request;
  if (memberId.length === 0 || memberId.length > groupLimits.memberIdLengthMax) {
    return refuse('INVALID_REQUEST', `a member id has 1 to ${groupLimits.memberIdLengthMax} characters`);
  }
  if (
    instanceId !== undefined &&
    (instanceId.length === 0 || instanceId.length > groupLimits.groupInstanceIdLengthMax)
  ) {
    return refuse('INVALID_REQUEST', `an instance id has 1 to ${groupLimits.groupInstanceIdLengthMax} characters`);
  }
  const timeouts = checkTimeouts(sessionTimeoutMs, rebalanceTimeoutMs);
  if (timeouts !== undefined) return timeouts;
  if (assignor !== undefined && !isAssignorName(assignor)) {
    return refuse('UNSUPPORTED_ASSIGNOR', 'an assignor is range, uniform or sticky');
  }
  const parsed = parseSubscription(request.names, request.pattern, request.mayBeIdle);
  return parsed.outcome === 'refused' || assignor === undefined ? parsed : { ...parsed, assignor };
}

/** Of either kind of member. */
export function checkTimeouts(sessionTimeoutMs: number, rebalanceTimeoutMs: number): Refused | undefined {
  const { groupSessionTimeoutMsMin: min, groupSessionTimeoutMsMax: max, groupRebalanceTimeoutMsMax } = groupLimits;
  if (!(sessionTimeoutMs >= min && sessionTimeoutMs <= max)) {
    return refuse('INVALID_SESSION_TIMEOUT', `a session timeout is between ${min} and ${max} ms`);
  }
  if (!(rebalanceTimeoutMs >= 1 && rebalanceTimeoutMs <= groupRebalanceTimeoutMsMax)) {
    return refuse('INVALID_REQUEST', `a rebalance timeout is between 1 and ${groupRebalanceTimeoutMsMax} ms`);
  }
  return undefined;
}

export type LeaveDecision =
  /** The item is to be removed (`planRemoval`); then the group is regrouped. */
  | { outcome: 'leave'; remove: Member }
  /** The seat stays for whoever comes with the instance id, until the session is over. */
  | { outcome: 'step-out'; next: Member }
  | Refused;

/**
 * `keepSeat`: a static member that means to come back. Its partitions wait for it, and nobody commits them meanwhile.
 * Whoever names it while it is away can still remove it.
 */
export function decideLeave(
  present: Member | undefined,
  { name, keepSeat }: { name: MemberName; keepSeat: boolean },
): LeaveDecision {
  if (!keepSeat && present?.awayId === name.memberId) return { outcome: 'leave', remove: present };
  const admitted = admit(present, name);
  if (admitted.outcome === 'refused') return admitted;
  const { member } = admitted;
  if (!keepSeat || member.instanceId === undefined) return { outcome: 'leave', remove: member };
  const next = { ...member, awayId: name.memberId, writes: member.writes + 1 };
  delete next.memberId;
  return { outcome: 'step-out', next };
}

/** Whether the caller is the member that has the seat. `present` is the item of the seat that it names. */
export function admit(present: Member | undefined, name: MemberName): { outcome: 'member'; member: Member } | Refused {
  if (present === undefined || present.memberId === undefined) {
    return refuse('UNKNOWN_MEMBER_ID', `the group has no member ${name.memberId}`);
  }
  if (present.memberId === name.memberId) return { outcome: 'member', member: present };
  return present.instanceId === undefined
    ? refuse('UNKNOWN_MEMBER_ID', `the group has no member ${name.memberId}`)
    : refuse('FENCED_INSTANCE_ID', `the instance id ${present.instanceId} is another member's now`);
}
