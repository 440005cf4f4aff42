/**
 * A member of a share group: every call of its is a heartbeat, which joins, changes what it subscribes to, and is
 * answered with the partitions that it is to fetch from. Being a member says no more than that: what a member may
 * acknowledge depends on what it acquired.
 */
import type { GroupState } from '../../coordination/groups/group-item.ts';
import { isRenewalDue } from '../../coordination/groups/liveness.ts';
import { planMember, planRemoval, type ShareMember, touched } from '../../coordination/groups/member-item.ts';
import type { Partitions } from '../../coordination/groups/partitions.ts';
import { seatOf } from '../../coordination/groups/seat.ts';
import { decideShareChange, decideShareJoin } from '../../coordination/share-groups/share-join.ts';
import { type ShareTarget, shareEntryOf } from '../../coordination/share-groups/share-target-item.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import type { Broker } from '../broker.ts';
import { readMember, readState } from '../groups/group-items.ts';
import { noSuchGroup } from '../groups/group-view.ts';
import { lookOver } from '../groups/look-over.ts';
import { orThrow } from '../groups/refusals.ts';
import { removeNew } from '../groups/refuse-claimed.ts';
import { newNonce, type Regrouped } from '../groups/regroup.ts';
import { requireUnclaimed } from '../triggers/claim.ts';
import { type Decision, decideAgain } from '../write-attempts.ts';
import { regroupShare } from './regroup-share.ts';

export interface ShareHeartbeat {
  group: string;
  memberId: string;
  /** Absent: it joins. */
  epoch?: number;
  /** Absent: as before. */
  names?: readonly string[];
  client: string;
  host: string;
}

export interface ShareHeard {
  epoch: number;
  assignment: Partitions;
  heartbeatMs: number;
}

/** Throws what Kafka refuses a heartbeat of a share group with. */
export async function heartbeatShare(broker: Broker, heartbeat: ShareHeartbeat): Promise<ShareHeard> {
  const { group, epoch } = heartbeat;
  checkGroupId(group);
  const { heartbeatMs, sessionTimeoutMs } = await broker.shares.config(group);
  const joined = epoch === undefined ? await join(broker, heartbeat, sessionTimeoutMs) : undefined;
  const { target, entry } = await beat(broker, heartbeat, joined);
  return { epoch: target.epoch, assignment: entry.assigned, heartbeatMs };
}

/** Writes the member's item, and removes it again where the group has no place for it. */
async function join(broker: Broker, heartbeat: ShareHeartbeat, sessionTimeoutMs: number): Promise<ShareMember> {
  const { metadata, clock, random, groups } = broker;
  const { group, memberId, names = [], client, host } = heartbeat;
  const member = await decideAgain('join', async (): Promise<Decision<ShareMember>> => {
    const state = await readState(metadata, group);
    groups.note(group, state);
    const present = await readMember(metadata, group, seatOf({ memberId }));
    const request = { memberId, names, sessionTimeoutMs, client, host };
    const { next } = orThrow(
      decideShareJoin({ state, present, request }, { nowMs: clock.now(), nonce: newNonce(random) }),
    );
    const written = await metadata.write([planMember(group, next)]);
    return written.outcome === 'refused' ? 'again' : { done: next };
  });
  try {
    await requireUnclaimed(broker, group);
    const refused = refusedBy(await regroupShare(broker, group), member);
    if (refused !== undefined) throw refused;
    return member;
  } catch (error) {
    await removeNew(broker, group, member);
    throw error;
  }
}

function refusedBy(regrouped: Regrouped, { seat }: ShareMember): MillraceError | undefined {
  switch (regrouped.regrouped) {
    case 'done': {
      if (!regrouped.turnedAway.includes(seat)) return undefined;
      const { shareGroupMembersMax } = shareGroupLimits;
      return new MillraceError('GROUP_MAX_SIZE_REACHED', `A share group has at most ${shareGroupMembersMax} members.`);
    }
    case 'other-kind':
      return new MillraceError('GROUP_ID_NOT_FOUND', 'The group is not a share group.');
    case 'too-large':
      return new MillraceError('POLICY_VIOLATION', regrouped.detail);
  }
}

interface Beaten {
  target: ShareTarget;
  entry: ShareTarget['members'][number];
}

/** One sign of life, decided again where others were faster. */
async function beat(broker: Broker, heartbeat: ShareHeartbeat, joined: ShareMember | undefined): Promise<Beaten> {
  const { group } = heartbeat;
  await lookOver(broker, group, await broker.groups.state(group));
  let attempts = 0;
  return decideAgain('heartbeat', async () => {
    if (attempts > 1) await broker.clock.sleep(retryPauseMs(attempts, broker.random));
    return attempt(broker, heartbeat, { joined, isFirst: attempts++ === 0 });
  });
}

async function attempt(
  broker: Broker,
  { group, memberId, epoch, names }: ShareHeartbeat,
  { joined, isFirst }: { joined: ShareMember | undefined; isFirst: boolean },
): Promise<Decision<Beaten>> {
  const { metadata, clock, groups, shares } = broker;
  const state = await groups.state(group, isFirst ? undefined : 0);
  const member = isFirst && joined !== undefined ? joined : await memberOf(broker, { group, memberId, state });
  const nowMs = clock.now();
  const changed = names === undefined ? undefined : orThrow(decideShareChange(member, names, nowMs));
  if (changed?.outcome === 'change') {
    if ((await metadata.write([planMember(group, changed.next)])).outcome === 'applied')
      await regroupShare(broker, group);
    return 'again';
  }
  const target = await shares.target(group, state);
  const entry = target && shareEntryOf(target, member);
  if (target === undefined || entry === undefined) {
    const refused = refusedBy(await regroupShare(broker, group), member);
    if (refused !== undefined) throw refused;
    return 'again';
  }
  if (epoch !== undefined && (epoch > target.epoch || epoch < member.epoch)) {
    // A target that is remembered may be behind the one that the member was told by another process.
    if (isFirst) return 'again';
    throw new MillraceError('FENCED_MEMBER_EPOCH', `The member's epoch is ${target.epoch}, not ${epoch}.`);
  }
  if (isRenewalDue(member, nowMs)) {
    const written = await metadata.write([planMember(group, touched(member, nowMs))]);
    if (written.outcome === 'refused') return 'again';
  }
  return { done: { target, entry } };
}

async function memberOf(
  { metadata }: Broker,
  { group, memberId, state }: { group: string; memberId: string; state: GroupState | undefined },
): Promise<ShareMember> {
  const member = await readMember(metadata, group, seatOf({ memberId }));
  if (member?.kind === 'share') return member;
  if (state?.kind !== 'share') throw noSuchGroup(group);
  throw new MillraceError('UNKNOWN_MEMBER_ID', `The group has no member ${memberId}.`);
}

/**
 * What it has acquired stays locked until the lock is over: clients give it back before, by ending their share
 * sessions.
 */
export async function leaveShare(
  broker: Broker,
  { group, memberId }: Pick<ShareHeartbeat, 'group' | 'memberId'>,
): Promise<void> {
  checkGroupId(group);
  const { metadata } = broker;
  let tried = false;
  await decideAgain('leave', async (): Promise<Decision<undefined>> => {
    const present = await readMember(metadata, group, seatOf({ memberId }));
    // An attempt before may have been applied, and its answer lost.
    if (present === undefined && tried) return { done: undefined };
    const member = await memberOf(broker, { group, memberId, state: await readState(metadata, group) });
    tried = true;
    const written = await metadata.write([planRemoval(group, member)]);
    return written.outcome === 'refused' ? 'again' : { done: undefined };
  });
  await regroupShare(broker, group).catch((error: unknown) => {
    // The member is gone all the same, and the next look finds that the group is to be regrouped.
    broker.log.warn('a share group could not be regrouped after a member left', { group, error });
  });
}
