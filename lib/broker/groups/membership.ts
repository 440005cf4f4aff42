/**
 * Being in a group, one call at a time: joining, or showing a sign of life; acknowledging what was taken; getting what
 * others have given up. Commits go with the same write.
 */
import { deliveredBy, reportedBy } from '../../coordination/groups/cursor.ts';
import { decideFollow, type Followed, withdrawalsBefore } from '../../coordination/groups/follow.ts';
import type { GroupState } from '../../coordination/groups/group-item.ts';
import { admit, decideChange, decideJoin, type JoinRequest } from '../../coordination/groups/join.ts';
import {
  type ConsumerMember,
  type Member,
  planMember,
  planRemoval,
  touched,
} from '../../coordination/groups/member-item.ts';
import { minus, type Partitions, partitionsOf } from '../../coordination/groups/partitions.ts';
import { type MemberName, memberIdOf, newJoinId, seatOf } from '../../coordination/groups/seat.ts';
import type { PendingOffset } from '../../coordination/transactions/part-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import type { Broker } from '../broker.ts';
import { requireUnclaimed } from '../triggers/claim.ts';
import { decideAgain } from '../write-attempts.ts';
import { checkCommit, pendingOf, writeCommit } from './commit-writes.ts';
import { nameOf, readCommitted, readMember, readSeats, readState } from './group-items.ts';
import { lookOver } from './look-over.ts';
import type { PollCursor } from './poll-cursor.ts';
import { orThrow, refusal } from './refusals.ts';
import { newNonce, type Regrouped, regroup } from './regroup.ts';
import { topicsOf } from './topic-directory.ts';

/** What a member says of itself. Absent, of one that is in the group: as before. */
export interface Wishes {
  instanceId?: string;
  names?: readonly string[];
  pattern?: string;
  assignor?: string;
  sessionTimeoutMs?: number;
  rebalanceTimeoutMs?: number;
  client?: string;
  host?: string;
  /** It may subscribe to nothing, as clients do that look for topics by themselves. */
  mayBeIdle?: boolean;
}

export type PollCommit = 'delivered' | 'none' | readonly PendingOffset[];

export interface Seated {
  /** As it is now, with what it owns. */
  member: ConsumerMember;
  state: GroupState | undefined;
  /** The epoch of the cursor whose positions are exact, which is that from before this call. */
  exactEpoch: number;
  followed: Followed;
  /** What was committed; by the names of partitions. */
  committed: ReadonlyMap<string, number>;
  /** Also where an attempt of this call whose answer was lost may have committed, and the last found it done. */
  mayHaveCommitted: boolean;
}

export interface Joined {
  name: MemberName;
  /** As the join has written it. */
  member: ConsumerMember;
}

/**
 * Joins, by a new name or that of the join id, which is returned; the group has a target with the member in it then,
 * unless others raced. Where it throws, it leaves no member behind that was not there before.
 */
export async function joinGroup(broker: Broker, group: string, wishes: Wishes, joinId?: string): Promise<Joined> {
  const { random } = broker;
  const { instanceId } = wishes;
  const name: MemberName = {
    memberId: memberIdOf(joinId ?? newJoinId(random), instanceId),
    ...(instanceId !== undefined && { instanceId }),
  };
  const isNew = joinId === undefined && instanceId === undefined;
  return { name, member: await joinAs(broker, { group, name, isNew, wishes }) };
}

/** The same by a name that the caller has chosen. */
export async function joinAs(broker: Broker, entry: Entry): Promise<ConsumerMember> {
  const { group } = entry;
  const member = await enterGroup(broker, entry);
  try {
    await regroupWith(broker, group, member);
  } catch (error) {
    await takeBack(broker, group, member);
    throw error;
  }
  return member;
}

/**
 * Removes a member that was made for a join whose caller does not hear who it is. Exactly the item that the join has
 * made: not one that was there before, nor one that another attempt of the caller, with the same join id, has found and
 * goes on with.
 */
export async function takeBack({ metadata, log }: Broker, group: string, member: ConsumerMember): Promise<void> {
  if (member.writes !== 1) return;
  await metadata.write([planRemoval(group, member)]).catch((error: unknown) => {
    log.warn('a member that could not be answered is left in its group', { group, error });
  });
}

export interface Entry {
  group: string;
  name: MemberName;
  /** Nobody can have the name yet, unless by an earlier attempt of this call. */
  isNew: boolean;
  wishes: Wishes;
  /** Who has the same instance id has to leave first, or to time out (KIP-848). */
  waitsForInstance?: boolean;
}

/** Writes the member's item. */
async function enterGroup(
  { metadata, clock, random, groups }: Broker,
  { group, name, isNew, wishes, waitsForInstance = false }: Entry,
): Promise<ConsumerMember> {
  const seat = seatOf(name);
  let tried = false;
  return decideAgain('join', async () => {
    const state = await readState(metadata, group);
    groups.note(group, state);
    const present = isNew && !tried ? undefined : await readMember(metadata, group, seat);
    tried = true;
    const decided = orThrow(
      decideJoin(
        { state, present, request: { ...joinRequest(name, wishes), takesOver: !waitsForInstance } },
        { nowMs: clock.now(), nonce: newNonce(random) },
      ),
    );
    const written = await metadata.write([planMember(group, decided.next)]);
    return written.outcome === 'refused' ? 'again' : { done: decided.next };
  });
}

/** Throws where the group has no place for the member, whose item is then gone. */
async function regroupWith(broker: Broker, group: string, member: ConsumerMember): Promise<void> {
  await requireUnclaimed(broker, group);
  const regrouped = await regroup(broker, group);
  const refused = refusedBy(regrouped, member);
  if (refused === undefined) return;
  await broker.metadata.write([planRemoval(group, member)]);
  throw refused;
}

function refusedBy(regrouped: Regrouped, { seat }: ConsumerMember): MillraceError | undefined {
  switch (regrouped.regrouped) {
    case 'done': {
      if (!regrouped.turnedAway.includes(seat)) return undefined;
      const { groupMembersMax, groupPatternsMax, groupTopicsMax, groupPartitionsMax } = groupLimits;
      const detail = `The group has no room for the member: it has at most ${groupMembersMax} members with ${groupPatternsMax} patterns, and ${groupTopicsMax} topics with ${groupPartitionsMax} partitions.`;
      return new MillraceError('GROUP_MAX_SIZE_REACHED', detail);
    }
    case 'other-kind':
      return new MillraceError(
        'INCONSISTENT_GROUP_PROTOCOL',
        'The members of the group assign its partitions themselves.',
      );
    case 'too-large':
      return new MillraceError('POLICY_VIOLATION', regrouped.detail);
  }
}

/** Takes the two that are as they are; a poll that joins says all of it. */
function joinRequest(name: MemberName, wishes: Wishes): JoinRequest {
  const { names = [], pattern, assignor, client, host, mayBeIdle } = wishes;
  return {
    ...name,
    names,
    ...(pattern !== undefined && { pattern }),
    ...(assignor !== undefined && { assignor }),
    ...(client !== undefined && { client }),
    ...(host !== undefined && { host }),
    ...(mayBeIdle !== undefined && { mayBeIdle }),
    sessionTimeoutMs: wishes.sessionTimeoutMs ?? groupLimits.groupSessionTimeoutMsDefault,
    rebalanceTimeoutMs: wishes.rebalanceTimeoutMs ?? groupLimits.groupRebalanceTimeoutMsDefault,
    // A static member comes back after a crash without knowing its member id; it is not to wait for its own session's
    // end.
    takesOver: true,
  };
}

function changeRequest(member: ConsumerMember, name: MemberName, wishes: Wishes): JoinRequest {
  const subscribes = wishes.names !== undefined || wishes.pattern !== undefined;
  const { names, pattern } = subscribes ? { names: wishes.names, pattern: wishes.pattern } : member.subscription;
  return joinRequest(name, {
    names,
    pattern,
    assignor: wishes.assignor ?? member.assignor,
    sessionTimeoutMs: wishes.sessionTimeoutMs ?? member.sessionTimeoutMs,
    rebalanceTimeoutMs: wishes.rebalanceTimeoutMs ?? member.rebalanceTimeoutMs,
    client: member.client,
    host: member.host,
    mayBeIdle: wishes.mayBeIdle,
  });
}

export interface SeatRequest {
  group: string;
  name: MemberName;
  wishes: Wishes;
  cursor: PollCursor | undefined;
  commit: PollCommit;
  /** It may have been answered as a member already, so that nothing is known of what it holds. */
  joins: boolean;
  /** For who has no cursor and says it by itself. */
  said?: SaidBySelf;
}

export interface SaidBySelf {
  /** The epoch that it was told last. Absent: it has been told none. */
  epoch?: number;
  /** What it holds; absent: it does not say. */
  holds: Partitions | undefined;
}

/** One sign of life, decided again where others were faster. Throws where the caller is not the member any more. */
export async function takeSeat(broker: Broker, request: SeatRequest): Promise<Seated> {
  const { group } = request;
  let state = await broker.groups.state(group);
  if (await lookOver(broker, group, state)) state = await broker.groups.state(group);
  let attempts = 0;
  const seated = await decideAgain('poll', async () => {
    if (attempts > 0) await broker.clock.sleep(retryPauseMs(attempts, broker.random));
    attempts++;
    return attempt(broker, request);
  });
  const mayHaveCommitted = seated.committed.size > 0 || (attempts > 1 && request.commit !== 'none');
  return { ...seated, mayHaveCommitted };
}

async function attempt(
  broker: Broker,
  request: SeatRequest,
): Promise<'again' | { done: Omit<Seated, 'mayHaveCommitted'> }> {
  const { metadata, clock, groups } = broker;
  const { group, name, wishes } = request;
  const nowMs = clock.now();
  const [state, present] = await Promise.all([groups.state(group), readMember(metadata, group, seatOf(name))]);
  const member = consumerOf(present, name);
  if (request.said !== undefined) checkEpoch(member, request.said);
  const changed = decideChange({ member, request: changeRequest(member, name, wishes) }, nowMs);
  if (changed.outcome === 'refused') throw refusal(changed);
  if (changed.outcome === 'change') {
    if ((await metadata.write([planMember(group, changed.next)])).outcome === 'applied') await regroup(broker, group);
    return 'again';
  }
  const target = await groups.target(group, state);
  const before = target === undefined ? [] : withdrawalsBefore(target, member);
  const others = await readSeats(
    metadata,
    group,
    before.map(({ seat }) => seat),
  );
  const reported = request.said === undefined ? reportedByPoll(request) : request.said.holds;
  const followed = decideFollow({ member, target, reported, others, nowMs });
  if (followed.unlisted) {
    await regroupWith(broker, group, member);
    return 'again';
  }
  const offsets = await toCommit(broker, request, member);
  const commits = offsets.length > 0 && { committedWrite: member.writes + 1 };
  const next = commits === false ? followed.next : { ...(followed.next ?? touched(member, nowMs)), ...commits };
  if (next !== undefined) {
    const written = await writeCommit(broker, { group, member, offsets, last: planMember(group, next) });
    if (written.outcome === 'refused') return 'again';
  }
  if (next !== undefined && next.followed > member.followed) groups.tell(group, 'release');
  const committed = new Map(offsets.map((offset) => [nameOf(offset), offset.offset]));
  return { done: { member: next ?? member, state, exactEpoch: member.epoch, followed, committed } };
}

function reportedByPoll({ joins, cursor }: SeatRequest): Partitions | undefined {
  return joins ? undefined : reportedBy(cursor?.cursor);
}

/** The epoch before is that of a member whose last answer was lost: it may hold no more than what it has. */
function checkEpoch(member: ConsumerMember, { epoch, holds }: SaidBySelf): void {
  // One without an epoch owns nothing yet, and was told the group's.
  if (epoch === undefined || member.epoch === 0 || epoch === member.epoch) return;
  const isBefore = epoch === member.previousEpoch && (holds === undefined || minus(holds, member.owned).size === 0);
  if (!isBefore) throw new MillraceError('FENCED_MEMBER_EPOCH', `The member's epoch is ${member.epoch}, not ${epoch}.`);
}

function consumerOf(present: Member | undefined, name: MemberName): ConsumerMember {
  const { member } = orThrow(admit(present, name));
  if (member.kind === 'consumer') return member;
  throw new MillraceError('UNKNOWN_MEMBER_ID', `The member ${name.memberId} is one of another protocol.`);
}

/** By the item that was found, before it gives anything up. */
async function toCommit(
  broker: Broker,
  { group, name, cursor, commit }: SeatRequest,
  member: ConsumerMember,
): Promise<readonly PendingOffset[]> {
  if (commit === 'none') return [];
  if (commit === 'delivered') return delivered(broker, { group, cursor }, member);
  if (commit.length === 0) return [];
  const epoch = cursor?.cursor.epoch ?? member.epoch;
  // Changed since the cursor, maybe by an earlier attempt of the same poll, whose answer was lost: that has committed
  // these.
  if (epoch !== member.epoch && (await areCommitted(broker, { group, offsets: commit }))) return [];
  checkCommit(member, { name, epoch, offsets: commit });
  return commit;
}

/** What the cursor says was delivered, and is not committed yet. */
export async function delivered(
  broker: Broker,
  { group, cursor }: { group: string; cursor: PollCursor | undefined },
  member: ConsumerMember,
): Promise<PendingOffset[]> {
  if (cursor === undefined) return [];
  const positions = deliveredBy(cursor.cursor, member).filter((position) => cursor.fresh.has(nameOf(position)));
  if (positions.length === 0) return [];
  const topics: ReadonlyMap<TopicId, { name: string }> = await topicsOf(
    broker,
    member.subscription,
    partitionsOf(positions),
  );
  return pendingOf(group, positions, topics);
}

async function areCommitted(
  { metadata }: Broker,
  { group, offsets }: { group: string; offsets: readonly PendingOffset[] },
): Promise<boolean> {
  const committed = await readCommitted(metadata, group, offsets);
  return offsets.every((offset) => (committed.get(nameOf(offset)) ?? -1) >= offset.offset);
}
