/**
 * The rounds of a classic group: one step of its state, taken by whoever sees that it is due. Processes that hold a waiting
 * request look again and again; so does who comes to heartbeat, to leave, or to look over the group.
 *
 *     (empty) ─ somebody asks ─▶ preparing ─ all have asked, or time is up ─▶ completing ─ the leader assigns ─▶ stable
 *                                    ▲                                            │                                │
 *                                    └──── somebody asks or is gone ──────────────┴────────────────────────────────┘
 *
 * Who has not asked when a generation is formed is not in it, and removed, unless it is static.
 */
import { groupLimits } from '../../../kernel/limits/groups.ts';
import { type ClassicRound, type GroupState, isOfOtherKind, newGroupState } from '../group-item.ts';
import type { ClassicMember, Member } from '../member-item.ts';
import { byText } from '../partitions.ts';
import type { Seat } from '../seat.ts';
import { type Generation, isIn, seatBytes } from './generation-item.ts';
import { selectProtocol } from './protocols.ts';

export interface RoundInput {
  state: GroupState | undefined;
  /** The generation of that state; absent: there was none yet. */
  generation: Generation | undefined;
  /** Read strongly, after the state. */
  members: ReadonlyMap<Seat, Member>;
  nowMs: number;
  /** For a group that is not there yet. */
  nonce: string;
  /** `group.initial.rebalance.delay.ms`. */
  initialDelayMs?: number;
}

export type RoundDecision =
  /** Nothing is due; look again at `untilMs` at the latest, where there is such a time. */
  | { round: 'wait'; untilMs?: number }
  /** To be written together: `planGroup` and, where there is one, `planGeneration`. Then the removals, one by one. */
  | { round: 'next'; state: GroupState; generation?: Generation; removed: readonly ClassicMember[] }
  /** The group assigns its partitions here. */
  | { round: 'other-kind' };

export function decideRound(input: RoundInput): RoundDecision {
  const { nowMs, nonce } = input;
  const state = input.state ?? newGroupState(nonce, 'classic', nowMs);
  if (isOfOtherKind(state, 'classic')) return { round: 'other-kind' };
  const members = [...input.members.values()].filter((member) => member.kind === 'classic');
  members.sort((a, b) => a.joiningSinceMs - b.joiningSinceMs || byText(a.seat, b.seat));
  const asked = members.filter(({ joining }) => joining === state.epoch + 1);
  const view: View = {
    state,
    members,
    asked,
    generation: input.generation?.nonce === state.nonce ? input.generation : undefined,
    nowMs,
    delayMs: input.initialDelayMs ?? groupLimits.groupInitialRebalanceDelayMs,
  };
  const { round } = state;
  if (round === undefined) return begin(view);
  return round.phase === 'preparing' ? prepare(view, round) : disturb(view, round);
}

interface View {
  state: GroupState;
  generation: Generation | undefined;
  /** Who asked first comes first. */
  members: readonly ClassicMember[];
  /** Those who ask to be in the next generation. */
  asked: readonly ClassicMember[];
  nowMs: number;
  delayMs: number;
}

/** The first members wait for each other: for the delay, and on while more come, at most for a rebalance timeout. */
function begin({ state, asked, members, nowMs, delayMs }: View): RoundDecision {
  const [first] = asked;
  if (first === undefined) return { round: 'wait' };
  const round: ClassicRound = {
    phase: 'preparing',
    deadlineMs: nowMs + delayMs,
    firstUntilMs: nowMs + Math.max(delayMs, longestTimeout(members)),
  };
  const next = nextState(state, { round, members: asked.length, nowMs });
  return { round: 'next', state: { ...next, protocolType: first.protocolType }, removed: [] };
}

function prepare(view: View, round: ClassicRound): RoundDecision {
  const { state, members, asked, nowMs, delayMs } = view;
  if (members.length === 0) return end(view);
  const { firstUntilMs } = round;
  if (firstUntilMs === undefined) {
    const all = asked.length === members.length;
    if (all || nowMs >= round.deadlineMs) return asked.length > 0 ? form(view, round) : waitAgain(view, round);
    return { round: 'wait', untilMs: round.deadlineMs };
  }
  if (nowMs < round.deadlineMs) return { round: 'wait', untilMs: round.deadlineMs };
  const more = asked.some(({ joiningSinceMs }) => joiningSinceMs > round.deadlineMs - delayMs);
  const deadlineMs = Math.min(nowMs + delayMs, firstUntilMs);
  if (more && deadlineMs > nowMs) {
    const next = { ...round, deadlineMs };
    return { round: 'next', state: nextState(state, { round: next, members: asked.length, nowMs }), removed: [] };
  }
  return asked.length > 0 ? form(view, round) : waitAgain(view, round);
}

/** Nobody that can be in a generation has asked. Static members stay for as long as their sessions; the others go. */
function waitAgain({ state, members, nowMs }: View, round: ClassicRound): RoundDecision {
  const kept = members.filter(({ instanceId }) => instanceId !== undefined);
  const removed = members.filter(({ instanceId }) => instanceId === undefined);
  const { firstUntilMs: _first, ...rest } = round;
  const next = { ...rest, deadlineMs: nowMs + longestTimeout(members) };
  return { round: 'next', state: nextState(state, { round: next, members: kept.length, nowMs }), removed };
}

/** All that asked and can work together are the next generation, and static members that did not ask stay in it. */
function form(view: View, round: ClassicRound): RoundDecision {
  const { state, members, asked, nowMs } = view;
  const away = members.filter((member) => member.instanceId !== undefined && !asked.includes(member));
  const staying = away.filter(({ joining }) => joining > 0);
  const together = compatible(asked, state.protocolType, staying);
  const seated = [...together, ...staying].sort((a, b) => byText(a.seat, b.seat));
  const leader = together.find(({ seat }) => seat === round.leader) ?? together[0];
  const protocol = selectProtocol(together);
  if (leader === undefined || protocol === undefined) return waitAgain(view, round);
  const next: ClassicRound = {
    phase: 'completing',
    protocol,
    leader: leader.seat,
    deadlineMs: nowMs + longestTimeout(seated),
  };
  const epoch = state.epoch + 1;
  return {
    round: 'next',
    state: { ...nextState(state, { round: next, members: seated.length, nowMs }), epoch },
    generation: { nonce: state.nonce, generation: epoch, members: seated.map(({ seat, nonce }) => ({ seat, nonce })) },
    // Whoever was only given an id so far may still come with it.
    removed: members.filter((member) => member.joining > 0 && !seated.includes(member)),
  };
}

/**
 * Those of the type that have a protocol in common, and whose ids the generation has room for; who came first is not
 * turned away by who came later.
 */
function compatible(
  asked: readonly ClassicMember[],
  protocolType: string | undefined,
  staying: readonly ClassicMember[],
): ClassicMember[] {
  const together: ClassicMember[] = [];
  let bytes = staying.reduce((sum, member) => sum + seatBytes(member), 0);
  for (const member of asked.filter((candidate) => candidate.protocolType === protocolType)) {
    if (together.length >= groupLimits.groupMembersMax) break;
    const withIt = bytes + seatBytes(member);
    if (withIt > groupLimits.groupSeatBytesMax || selectProtocol([...together, member]) === undefined) continue;
    together.push(member);
    bytes = withIt;
  }
  return together;
}

/**
 * A generation ends when one of it asks anew or is gone, when somebody wants to come in, or its leader does not assign.
 */
function disturb({ state, generation, members, asked, nowMs }: View, round: ClassicRound): RoundDecision {
  const missing = generation?.members.some(
    ({ seat, nonce }) => !members.some((member) => member.seat === seat && member.nonce === nonce),
  );
  const late = round.phase === 'completing' && nowMs >= round.deadlineMs;
  if (asked.length === 0 && !missing && !late) {
    return round.phase === 'completing' ? { round: 'wait', untilMs: round.deadlineMs } : { round: 'wait' };
  }
  const next: ClassicRound = {
    phase: 'preparing',
    ...(round.protocol !== undefined && { protocol: round.protocol }),
    ...(round.leader !== undefined && { leader: round.leader }),
    deadlineMs: nowMs + longestTimeout(members),
  };
  const removed = late ? members.filter(({ seat }) => seat === round.leader) : [];
  return { round: 'next', state: nextState(state, { round: next, members: members.length, nowMs }), removed };
}

/** Nobody is left. */
function end({ state, nowMs }: View): RoundDecision {
  const { round: _over, ...rest } = nextState(state, { round: undefined, members: 0, nowMs });
  return { round: 'next', state: { ...rest, epoch: state.epoch + 1 }, removed: [] };
}

function nextState(
  { emptySinceMs, ...state }: GroupState,
  { round, members, nowMs }: { round: ClassicRound | undefined; members: number; nowMs: number },
): GroupState {
  return {
    ...state,
    version: state.version + 1,
    kind: 'classic',
    members,
    ...(members === 0 && { emptySinceMs: emptySinceMs ?? nowMs }),
    lookMs: nowMs + groupLimits.groupLookMs,
    round,
  };
}

function longestTimeout(members: readonly ClassicMember[]): number {
  return Math.max(0, ...members.map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs));
}

/** What JoinGroup answers to a member of the generation, once its item is in it (`enter`). */
export type JoinAnswer =
  | { answer: 'in'; generation: number; protocol: string; leader: Seat; members: readonly Seat[] }
  /** Look again: the generation that it asked for is not formed yet. */
  | { answer: 'wait' }
  /** It was formed without the member, which asks anew (`asking`). */
  | { answer: 'ask-again' };

export function answerJoin(
  member: ClassicMember,
  { state, generation }: { state: GroupState | undefined; generation: Generation | undefined },
): JoinAnswer {
  if (state === undefined || state.epoch < member.joining) return { answer: 'wait' };
  const { round } = state;
  const formed = generation?.nonce === state.nonce && generation.generation === state.epoch && isIn(generation, member);
  if (!formed || generation === undefined || round?.protocol === undefined || round.leader === undefined) {
    return { answer: 'ask-again' };
  }
  return {
    answer: 'in',
    generation: state.epoch,
    protocol: round.protocol,
    leader: round.leader,
    members: generation.members.map(({ seat }) => seat),
  };
}
