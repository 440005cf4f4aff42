/**
 * JoinGroup of the classic protocol, as far as it is the member's own affair: its item says which generation it asks to
 * be in, and with what. The generation is formed by whoever sees that all have asked (round.ts); the request waits for
 * that. Which request is answered at once, which one waits, and which is refused follows Kafka (KIP-62, 345, 394, 814).
 */

import { bytesEqual } from '../../../kernel/bytes.ts';
import { groupLimits } from '../../../kernel/limits/groups.ts';
import { type GroupState, isOfOtherKind } from '../group-item.ts';
import { checkTimeouts } from '../join.ts';
import { type ClassicMember, type ClassicProtocol, type Member, touched } from '../member-item.ts';
import { type Refused, refuse } from '../refusal.ts';
import { type Seat, seatOf } from '../seat.ts';
import { seatBytes } from './generation-item.ts';
import { candidateProtocols, selectProtocol } from './protocols.ts';

export interface ClassicJoinRequest {
  /** Absent: the member has none yet. */
  memberId?: string;
  instanceId?: string;
  protocolType: string;
  /** The one it likes best first. */
  protocols: readonly ClassicProtocol[];
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  client?: string;
  host?: string;
  /** From version 4 on, a new dynamic member gets its id first and joins with it. */
  requiresMemberId: boolean;
}

export interface ClassicJoinInput {
  state: GroupState | undefined;
  members: ReadonlyMap<Seat, Member>;
  request: ClassicJoinRequest;
  /** For a member without id (`newMemberId`). */
  newMemberId: string;
  nonce: string;
  nowMs: number;
}

export type ClassicJoinDecision =
  /** `next` is to be written; then MEMBER_ID_REQUIRED with its id. */
  | { outcome: 'id-required'; next: ClassicMember }
  /** `next` is to be written; then rounds are taken until the member is in a generation. */
  | { outcome: 'wait'; next: ClassicMember }
  /**
   * No rebalance: the answer is the current generation's. `next` is to be written first, where there is one: a static
   * member has come back, and whoever had its instance id is fenced. `skipsAssignment` (version 9): a leader that came
   * back is told the members, and has nothing to assign.
   */
  | { outcome: 'current'; next?: ClassicMember; skipsAssignment: boolean }
  | Refused;

export function decideClassicJoin(input: ClassicJoinInput): ClassicJoinDecision {
  const { state, members, request } = input;
  const refused = checkRequest(request) ?? checkGroup(input);
  if (refused !== undefined) return refused;
  const { memberId, instanceId } = request;
  if (memberId === undefined && instanceId === undefined) return joinNew(input);
  const seat = seatOf({ memberId: memberId ?? input.newMemberId, instanceId });
  const present = members.get(seat);
  if (present?.kind !== 'classic') {
    return memberId === undefined ? joinNew(input) : refuse('UNKNOWN_MEMBER_ID', `the group has no member ${memberId}`);
  }
  if (memberId !== undefined && memberId !== present.memberId) {
    return instanceId === undefined
      ? refuse('UNKNOWN_MEMBER_ID', `the group has no member ${memberId}`)
      : refuse('FENCED_INSTANCE_ID', `the instance id ${instanceId} is another member's now`);
  }
  return memberId === undefined ? comeBack(input, present) : rejoin(input, { present, state });
}

function joinNew(input: ClassicJoinInput): ClassicJoinDecision {
  const { request, nowMs, nonce, newMemberId: memberId, state, members } = input;
  if (members.size >= groupLimits.groupMembersMax) {
    return refuse('GROUP_MAX_SIZE_REACHED', `a group has at most ${groupLimits.groupMembersMax} members`);
  }
  const seat = seatOf({ memberId, instanceId: request.instanceId });
  const bytes = [...members.values(), { seat, nonce }].reduce((sum, member) => sum + seatBytes(member), 0);
  if (bytes > groupLimits.groupSeatBytesMax) {
    return refuse(
      'GROUP_MAX_SIZE_REACHED',
      `the ids of a group's members have at most ${groupLimits.groupSeatBytesMax} bytes`,
    );
  }
  const waitsForId = request.requiresMemberId && request.instanceId === undefined;
  const next: ClassicMember = {
    kind: 'classic',
    seat,
    nonce,
    writes: 1,
    memberId,
    epoch: 0,
    seenMs: nowMs,
    joining: waitsForId ? 0 : nextGeneration(state),
    joiningSinceMs: nowMs,
    ...saidBy(request),
  };
  return { outcome: waitsForId ? 'id-required' : 'wait', next };
}

/** A static member without id: whoever had its instance id is fenced by the write of the item. */
function comeBack(
  { state, members, request, newMemberId, nowMs }: ClassicJoinInput,
  present: ClassicMember,
): ClassicJoinDecision {
  const next = touched(present, nowMs, { ...saidBy(request), memberId: newMemberId });
  const round = state?.round;
  if (round?.phase === 'stable' && isOfGeneration(present, state)) {
    const others = [...members.values()].filter((member) => member.kind === 'classic' && member.seat !== present.seat);
    const protocol = selectProtocol([...(others as ClassicMember[]), next]);
    if (protocol === round.protocol) {
      return { outcome: 'current', next, skipsAssignment: round.leader === present.seat };
    }
  }
  return { outcome: 'wait', next: asking(next, state, nowMs) };
}

/** A member with its id: only a leader, and one that wants something else than before, makes a rebalance. */
function rejoin(
  { request, nowMs }: ClassicJoinInput,
  { present, state }: { present: ClassicMember; state: GroupState | undefined },
): ClassicJoinDecision {
  const round = state?.round;
  const settled = round !== undefined && round.phase !== 'preparing' && isOfGeneration(present, state);
  const leads = round?.phase === 'stable' && round.leader === present.seat;
  if (settled && !leads && sameProtocols(present.protocols, request.protocols)) {
    return { outcome: 'current', skipsAssignment: false };
  }
  return { outcome: 'wait', next: asking(touched(present, nowMs, saidBy(request)), state, nowMs) };
}

/** The same member, asking to be in the next generation. */
export function asking(member: ClassicMember, state: GroupState | undefined, nowMs: number): ClassicMember {
  const joining = nextGeneration(state);
  return { ...member, joining, joiningSinceMs: member.joining === joining ? member.joiningSinceMs : nowMs };
}

function nextGeneration(state: GroupState | undefined): number {
  return (state?.epoch ?? 0) + 1;
}

/**
 * It has asked for the generation that the group is in, or an earlier one: it is in it, or will be told that it is not.
 */
function isOfGeneration({ joining }: ClassicMember, state: GroupState | undefined): boolean {
  return joining > 0 && joining === state?.epoch;
}

function saidBy({
  protocolType,
  protocols,
  sessionTimeoutMs,
  rebalanceTimeoutMs,
  instanceId,
  client,
  host,
}: ClassicJoinRequest) {
  return {
    protocolType,
    protocols,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    ...(instanceId !== undefined && { instanceId }),
    ...(client !== undefined && { client }),
    ...(host !== undefined && { host }),
  };
}

function checkRequest({ memberId, instanceId, protocols, ...request }: ClassicJoinRequest): Refused | undefined {
  const bytes = protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);
  if (protocols.length > groupLimits.groupProtocolsMax || bytes > groupLimits.groupProtocolBytesMax) {
    return refuse(
      'INVALID_REQUEST',
      `a member offers at most ${groupLimits.groupProtocolsMax} protocols with ${groupLimits.groupProtocolBytesMax} bytes`,
    );
  }
  if ((memberId?.length ?? 0) > groupLimits.memberIdLengthMax) {
    return refuse('INVALID_REQUEST', `a member id has at most ${groupLimits.memberIdLengthMax} characters`);
  }
  if (
    instanceId !== undefined &&
    (instanceId.length === 0 || instanceId.length > groupLimits.groupInstanceIdLengthMax)
  ) {
    return refuse('INVALID_REQUEST', `an instance id has 1 to ${groupLimits.groupInstanceIdLengthMax} characters`);
  }
  return checkTimeouts(request.sessionTimeoutMs, request.rebalanceTimeoutMs);
}

/** Whether the group can have such a member: of its protocol type, and with a protocol that all others offer. */
function checkGroup({ state, members, request }: ClassicJoinInput): Refused | undefined {
  const { protocolType, protocols } = request;
  const unlike = () => refuse('INCONSISTENT_GROUP_PROTOCOL', 'the member and the group have no protocol in common');
  if (protocolType === '' || protocols.length === 0) return unlike();
  if (isOfOtherKind(state, 'classic')) return unlike();
  if (state === undefined || state.members === 0) return undefined;
  // Who was only given an id so far offers nothing yet, and may never come.
  const others = [...members.values()].filter(
    (member) => member.kind === 'classic' && member.memberId !== request.memberId && member.joining > 0,
  );
  const common = candidateProtocols(others as ClassicMember[]);
  const shares = others.length === 0 || protocols.some(({ name }) => common.has(name));
  return shares ? unlikeType(state, protocolType) : unlike();
}

function unlikeType({ round, protocolType: is }: GroupState, protocolType: string): Refused | undefined {
  if (round === undefined || is === protocolType) return undefined;
  return refuse('INCONSISTENT_GROUP_PROTOCOL', `the group's protocol type is ${is}`);
}

function sameProtocols(a: readonly ClassicProtocol[], b: readonly ClassicProtocol[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, metadata }, at) => name === b[at]?.name && bytesEqual(metadata, b[at]?.metadata ?? metadata))
  );
}
