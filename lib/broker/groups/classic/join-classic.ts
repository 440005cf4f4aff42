/**
 * JoinGroup of the classic protocol: the member's item says that it asks to be in the next generation, and the request
 * waits until that is formed, by whichever process. Nothing of the request is kept anywhere else, so that a client
 * whose process has died comes back with its member id to any other one.
 */
import { asking, type ClassicJoinRequest, decideClassicJoin } from '../../../coordination/groups/classic/join.ts';
import { answerJoin, type JoinAnswer } from '../../../coordination/groups/classic/round.ts';
import { enter } from '../../../coordination/groups/classic/sync.ts';
import { type ClassicMember, planMember, touched } from '../../../coordination/groups/member-item.ts';
import { type MemberName, type Seat, seatOf } from '../../../coordination/groups/seat.ts';
import { checkGroupId } from '../../../coordination/transactions/ids.ts';
import { MillraceError } from '../../../kernel/errors.ts';
import { groupLimits } from '../../../kernel/limits/groups.ts';
import { retryPauseMs } from '../../../storage/retry.ts';
import type { Broker } from '../../broker.ts';
import { decideAgain } from '../../write-attempts.ts';
import { lookOver } from '../look-over.ts';
import { orThrow } from '../refusals.ts';
import { refuseClaimed, removeNew } from '../refuse-claimed.ts';
import { newNonce } from '../regroup.ts';
import { awaitRound } from './await-round.ts';
import { memberIn, readClassic } from './classic-view.ts';
import { newClassicMemberId } from './member-id.ts';
import { type RoundsTaken, takeRounds } from './rounds.ts';

export interface JoinClassicRequest extends ClassicJoinRequest {
  group: string;
  /** The client knows what `skipAssignment` is (KIP-814). */
  canSkipAssignment: boolean;
  /** How long the first members wait for each other; absent: Kafka's default. */
  initialDelayMs?: number;
  /** Ends the wait. */
  signal: AbortSignal;
}

export type ClassicJoined =
  /** To be joined with (KIP-394). */
  | { joined: 'id-required'; memberId: string }
  | JoinedGeneration
  /** Nobody waits for the answer any more. */
  | { joined: 'ended' };

export interface JoinedGeneration {
  joined: 'in';
  memberId: string;
  generation: number;
  protocolType: string;
  protocol: string;
  /** The leader's member id. */
  leader: string;
  /** For the leader: all members. */
  members: readonly ClassicMember[];
  skipAssignment: boolean;
}

interface Asked {
  member: ClassicMember;
  outcome: 'id-required' | 'wait' | 'current';
  skipsAssignment: boolean;
  /** Who had the seat before, of a static member that has come back. */
  before: string | undefined;
}

/** Throws what Kafka refuses a JoinGroup with. */
export async function joinClassic(broker: Broker, request: JoinClassicRequest): Promise<ClassicJoined> {
  const { group } = request;
  checkGroupId(group);
  // Who is gone is not to keep others out because nobody is left to notice.
  await lookOver(broker, group, await broker.groups.state(group));
  const asked = await ask(broker, request);
  await refuseClaimed(broker, group, asked.member);
  const memberId = asked.member.memberId as string;
  if (asked.outcome === 'id-required') return { joined: 'id-required', memberId };
  return awaitGeneration(broker, request, asked);
}

/** Writes the member's item, where it is to say anything new. */
async function ask(broker: Broker, request: JoinClassicRequest): Promise<Asked> {
  const { metadata, clock, random, groups } = broker;
  const { group, client, instanceId } = request;
  let tried: Asked | undefined;
  let attempts = 0;
  return decideAgain('join', async () => {
    if (attempts > 0) await clock.sleep(retryPauseMs(attempts, random));
    attempts++;
    // Of many that join at once each would read all of them.
    const view = await groups.shared(`classic ${group}`, () => readClassic(metadata, group));
    groups.note(group, view.state);
    // An attempt whose answer was lost may have made the member.
    if (tried !== undefined && isWritten(view.members.get(tried.member.seat), tried.member)) return { done: tried };
    const newMemberId = newClassicMemberId(random, { client, instanceId });
    const decided = orThrow(
      decideClassicJoin({ ...view, request, newMemberId, nonce: newNonce(random), nowMs: clock.now() }),
    );
    const present = view.members.get(seatOf({ memberId: request.memberId ?? newMemberId, instanceId }));
    const member = decided.next ?? (present as ClassicMember);
    const skipsAssignment = decided.outcome === 'current' && decided.skipsAssignment;
    tried = { member, outcome: decided.outcome, skipsAssignment, before: present?.memberId };
    if (decided.next === undefined) return { done: tried };
    const written = await metadata.write([planMember(group, decided.next)]);
    return written.outcome === 'refused' ? 'again' : { done: tried };
  });
}

function isWritten(present: { nonce: string; writes: number; memberId?: string } | undefined, next: ClassicMember) {
  return present?.nonce === next.nonce && present.writes === next.writes && present.memberId === next.memberId;
}

async function awaitGeneration(broker: Broker, request: JoinClassicRequest, asked: Asked): Promise<ClassicJoined> {
  const { group, initialDelayMs, signal, instanceId } = request;
  const name: MemberName = {
    memberId: asked.member.memberId as string,
    ...(instanceId !== undefined && { instanceId }),
  };
  let decisions = 0;
  while (!signal.aborted) {
    const view = await takeRounds(broker, group, initialDelayMs);
    if (view.otherKind) {
      await removeNew(broker, group, asked.member);
      throw new MillraceError(
        'INCONSISTENT_GROUP_PROTOCOL',
        'The partitions of the group are assigned here, to members of another protocol.',
      );
    }
    const member = memberIn(view, name);
    const answer = answerJoin(member, view);
    if (answer.answer === 'wait') {
      const { state, untilMs } = view;
      await awaitRound(broker, { group, state, member, signal, ...(untilMs !== undefined && { untilMs }) });
      continue;
    }
    if (await settle(broker, { group, member, answer, view })) {
      if (answer.answer === 'in') return rendered({ view, answer, member, asked, request });
    }
    if (++decisions >= groupLimits.groupDecisionsMax) {
      throw new MillraceError('REBALANCE_IN_PROGRESS', 'The group is rebalanced again and again; join again.');
    }
  }
  return { joined: 'ended' };
}

/**
 * The member's item is brought into the generation that it is answered with, or asks anew; false where it was written
 * meanwhile.
 */
async function settle(
  { metadata, clock }: Broker,
  { group, member, answer, view }: { group: string; member: ClassicMember; answer: JoinAnswer; view: RoundsTaken },
): Promise<boolean> {
  const nowMs = clock.now();
  const next =
    answer.answer === 'in'
      ? enter(member, answer.generation, nowMs)
      : asking(touched(member, nowMs), view.state, nowMs);
  return next === undefined || (await metadata.write([planMember(group, next)])).outcome === 'applied';
}

function rendered({
  view,
  answer,
  member,
  asked,
  request,
}: {
  view: RoundsTaken;
  answer: JoinAnswer & { answer: 'in' };
  member: ClassicMember;
  asked: Asked;
  request: JoinClassicRequest;
}): JoinedGeneration {
  const memberId = member.memberId as string;
  const isCurrent = asked.outcome === 'current' && asked.member.joining === answer.generation;
  const skips = isCurrent && asked.skipsAssignment;
  const leads = answer.leader === member.seat;
  // A client that cannot skip the assignment is told that somebody else leads: who had its place before.
  const hidden = skips && !request.canSkipAssignment;
  return {
    joined: 'in',
    memberId,
    generation: answer.generation,
    protocolType: view.state?.protocolType ?? request.protocolType,
    protocol: answer.protocol,
    leader: hidden ? (asked.before ?? '') : (view.members.get(answer.leader)?.memberId ?? ''),
    members: leads && !hidden ? answer.members.flatMap((seat) => classicAt(view, seat)) : [],
    skipAssignment: skips && request.canSkipAssignment,
  };
}

function classicAt({ members }: RoundsTaken, seat: Seat): ClassicMember[] {
  const member = members.get(seat);
  return member?.kind === 'classic' && member.memberId !== undefined ? [member] : [];
}
