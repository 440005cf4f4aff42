/**
 * SyncGroup and heartbeats of the classic protocol.
 *
 * Before the leader's assignments are handed out, every item of the group is brought to the new generation, and what is
 * left of earlier ones is removed: `close`. From then on no commit of an earlier generation passes its fence, so nobody
 * is assigned what somebody else can still commit. Members bring their own items there as their JoinGroup is answered
 * (`enter`); only those are left to the leader whose processes did not get that far.
 */

import { EMPTY_BYTES } from '../../../kernel/bytes.ts';
import { groupLimits } from '../../../kernel/limits/groups.ts';
import type { GroupState } from '../group-item.ts';
import { admit } from '../join.ts';
import { isRenewalDue } from '../liveness.ts';
import { type ClassicMember, type Member, touched } from '../member-item.ts';
import { type Refused, refuse } from '../refusal.ts';
import { type MemberName, type Seat, seatOf } from '../seat.ts';
import { assignmentOf, type Generation, generationBytes, isIn } from './generation-item.ts';

/**
 * The member's item as of the generation that it is answered with; absent where it is already. Commits are fenced by
 * it.
 */
export function enter(member: ClassicMember, generation: number, nowMs: number): ClassicMember | undefined {
  return member.epoch === generation ? undefined : touched(member, nowMs, { epoch: generation });
}

export interface SyncRequest extends MemberName {
  generation: number;
  protocolType?: string;
  protocol?: string;
  /** By member id; the leader's only. */
  assignments: ReadonlyMap<string, Uint8Array>;
}

export type SyncDecision =
  | { outcome: 'assigned'; assignment: Uint8Array }
  /** The leader has not handed in its assignments yet. */
  | { outcome: 'wait' }
  /** Items of before: these are to be written, those removed, and then the request is decided anew. */
  | { outcome: 'close'; raised: ClassicMember[]; removed: ClassicMember[] }
  /** To be written together (`planGroup`, `planGeneration`); then the answer is the leader's own assignment. */
  | { outcome: 'assign'; state: GroupState; generation: Generation }
  | Refused;

export interface SyncInput {
  state: GroupState | undefined;
  generation: Generation | undefined;
  /** For a leader all, read strongly; for others their own is enough. */
  members: ReadonlyMap<Seat, Member>;
  request: SyncRequest;
  nowMs: number;
}

export function decideSync({ state, generation, members, request, nowMs }: SyncInput): SyncDecision {
  const admitted = admitClassic(members.get(seatOf(request)), { state, request });
  if (admitted.outcome === 'refused') return admitted;
  const { member, round, state: current } = admitted;
  const unlike = (asked: string | undefined, is: string | undefined) => asked !== undefined && asked !== is;
  if (unlike(request.protocolType, current.protocolType) || unlike(request.protocol, round.protocol)) {
    return refuse('INCONSISTENT_GROUP_PROTOCOL', `the group's protocol is ${current.protocolType} ${round.protocol}`);
  }
  if (round.phase === 'preparing') return refuse('REBALANCE_IN_PROGRESS', 'the next generation is being formed');
  const formed = generation?.nonce === current.nonce && generation.generation === current.epoch;
  if (!formed || generation === undefined || !isIn(generation, member)) {
    return refuse('UNKNOWN_MEMBER_ID', 'the member is not in the generation');
  }
  if (round.phase === 'stable') return { outcome: 'assigned', assignment: assignmentOf(generation, member.seat) };
  if (member.seat !== round.leader) return { outcome: 'wait' };
  const closing = close(generation, members);
  if (closing.raised.length + closing.removed.length > 0) return { outcome: 'close', ...closing };
  return assign({ state: current, generation, members, request, nowMs });
}

function close(generation: Generation, members: ReadonlyMap<Seat, Member>) {
  const old = [...members.values()].filter(
    (member) => member.kind === 'classic' && member.epoch !== generation.generation,
  ) as ClassicMember[];
  const within = old.filter((member) => isIn(generation, member));
  // Not a sign of life: its member was not heard of.
  const raised = within.map((member) =>
    Object.assign({}, member, { epoch: generation.generation, writes: member.writes + 1 }),
  );
  return { raised, removed: old.filter((member) => member.epoch > 0 && !isIn(generation, member)) };
}

function assign({
  state,
  generation,
  members,
  request,
  nowMs,
}: SyncInput & { state: GroupState; generation: Generation }): SyncDecision {
  const assignments = generation.members.map(({ seat }) => {
    const memberId = members.get(seat)?.memberId;
    return (memberId === undefined ? undefined : request.assignments.get(memberId)) ?? EMPTY_BYTES;
  });
  const bytes = assignments.reduce((sum, assignment) => sum + assignment.length, 0);
  if (bytes > groupLimits.groupAssignmentBytesMax) {
    return refuse(
      'INVALID_REQUEST',
      `all assignments of a group have at most ${groupLimits.groupAssignmentBytesMax} bytes`,
    );
  }
  const assigned = { ...generation, assignments };
  if (generationBytes(assigned) > groupLimits.groupGenerationBytesMax) {
    return refuse(
      'INVALID_REQUEST',
      `the ids of a group's members and all assignments have at most ${groupLimits.groupGenerationBytesMax} bytes`,
    );
  }
  const round = state.round && { ...state.round, phase: 'stable' as const };
  const next = {
    ...state,
    version: state.version + 1,
    lookMs: nowMs + groupLimits.groupLookMs,
    ...(round && { round }),
  };
  return { outcome: 'assign', state: next, generation: assigned };
}

export type ClassicHeartbeat =
  /** `next` is to be written, where there is one. */
  | { outcome: 'alive'; next?: ClassicMember }
  /** The member is to join again; it lives (`next`). */
  | { outcome: 'rebalance'; next?: ClassicMember }
  | Refused;

/** On any view; a stale one delays what the member learns by a heartbeat. */
export function decideClassicHeartbeat(
  { state, present }: { state: GroupState | undefined; present: Member | undefined },
  { request, nowMs }: { request: MemberName & { generation: number }; nowMs: number },
): ClassicHeartbeat {
  const admitted = admitClassic(present, { state, request });
  if (admitted.outcome === 'refused') return admitted;
  const { member, round } = admitted;
  const next = isRenewalDue(member, nowMs) ? { next: touched(member, nowMs) } : {};
  return { outcome: round.phase === 'preparing' ? 'rebalance' : 'alive', ...next };
}

function admitClassic(
  present: Member | undefined,
  { state, request }: { state: GroupState | undefined; request: MemberName & { generation: number } },
) {
  const admitted = admit(present, request);
  if (admitted.outcome === 'refused') return admitted;
  const { member } = admitted;
  if (member.kind !== 'classic' || state?.round === undefined) {
    return refuse('UNKNOWN_MEMBER_ID', `the group has no classic member ${request.memberId}`);
  }
  if (request.generation !== state.epoch) {
    return refuse('ILLEGAL_GENERATION', `the group is in generation ${state.epoch}, not ${request.generation}`);
  }
  return { outcome: 'member' as const, member, state, round: state.round };
}
