/**
 * The next target of a share group: computed by whoever notices that members or topics have changed, and written with
 * the group's state.
 */
import { groupLimits } from '../../kernel/limits/groups.ts';
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';
import { type GroupState, isOfOtherKind, newGroupState } from '../groups/group-item.ts';
import type { Member, ShareMember } from '../groups/member-item.ts';
import { byText, NO_PARTITIONS } from '../groups/partitions.ts';
import type { Seat } from '../groups/seat.ts';
import { type Topics, topicResolver } from '../groups/subscription.ts';
import { type ShareTarget, shareTargetBytes } from './share-target-item.ts';
import { assignShared } from './simple-assignor.ts';

export interface ShareRegroupInput {
  /** State and target as they belong together, and after them all members, read strongly. */
  state: GroupState | undefined;
  target: ShareTarget | undefined;
  members: ReadonlyMap<Seat, Member>;
  topics: Topics;
  nowMs: number;
  /** For a group that is not there yet. */
  nonce: string;
}

export type ShareRegroup =
  | { regroup: 'none'; turnedAway: Seat[] }
  /** To be written together: `planGroup`, `planShareTarget`. */
  | { regroup: 'next'; state: GroupState; target: ShareTarget; turnedAway: Seat[] }
  | { regroup: 'other-kind' }
  | { regroup: 'too-large'; detail: string };

export function decideShareRegroup(input: ShareRegroupInput): ShareRegroup {
  const { topics, nowMs, nonce } = input;
  if (isOfOtherKind(input.state, 'share')) return { regroup: 'other-kind' };
  const state = input.state ?? newGroupState(nonce, 'share', nowMs);
  const old = input.target?.nonce === state.nonce ? input.target : undefined;
  const { seated, turnedAway } = seatMembers(old, input.members);
  if (old === undefined && seated.length === 0) return { regroup: 'none', turnedAway };
  const next = assign({ old, seated, topics, state });
  if (old !== undefined && isSame(old, next)) return { regroup: 'none', turnedAway };
  if (shareTargetBytes(next) > shareGroupLimits.shareTargetBytesMax || next.topics.size > groupLimits.groupTopicsMax) {
    const detail = `a share group has at most ${groupLimits.groupTopicsMax} topics, and assignments of ${shareGroupLimits.shareTargetBytesMax} bytes`;
    return { regroup: 'too-large', detail };
  }
  return { regroup: 'next', state: nextState(state, next, nowMs), target: next, turnedAway };
}

/** Who was in stays in; of those that are new, the first ones, as long as there is room. */
function seatMembers(old: ShareTarget | undefined, members: ReadonlyMap<Seat, Member>) {
  const all = [...members.values()].filter((member) => member.kind === 'share');
  const before = new Map(old?.members.map(({ seat, nonce }) => [seat, nonce]));
  const isIn = ({ seat, nonce }: ShareMember) => before.get(seat) === nonce;
  const joined = all.filter((member) => !isIn(member));
  joined.sort((a, b) => a.seenMs - b.seenMs || byText(a.seat, b.seat));
  const stay = all.filter(isIn);
  const room = Math.max(0, shareGroupLimits.shareGroupMembersMax - stay.length);
  const seated = [...stay, ...joined.slice(0, room)].sort((a, b) => byText(a.seat, b.seat));
  return { seated, turnedAway: joined.slice(room).map(({ seat }) => seat) };
}

function assign({
  old,
  seated,
  topics,
  state,
}: {
  old: ShareTarget | undefined;
  seated: readonly ShareMember[];
  topics: Topics;
  state: GroupState;
}): ShareTarget {
  const resolve = topicResolver(topics, new Map());
  const had = new Map(old?.members.map(({ seat, assigned }) => [seat, assigned]));
  const sharing = seated.map(({ seat, subscription }) => ({
    seat,
    topics: resolve(subscription),
    current: had.get(seat) ?? NO_PARTITIONS,
  }));
  const wanted = new Set(sharing.flatMap((member) => [...member.topics]));
  const counts = [...topics.values()].filter(({ topicId }) => wanted.has(topicId));
  const existing = new Map(
    counts.map(({ topicId, partitions }) => [topicId, partitions] as const).sort(([a], [b]) => byText(a, b)),
  );
  const assigned = assignShared(sharing, existing);
  const members = seated.map(({ seat, nonce, subscriptionNumber }) => ({
    seat,
    nonce,
    subscriptionNumber,
    assigned: assigned.get(seat) ?? NO_PARTITIONS,
  }));
  return { nonce: state.nonce, epoch: Math.max(state.epoch, old?.epoch ?? 0) + 1, members, topics: existing };
}

/** Whether the same members want the same of the same topics. */
function isSame(old: ShareTarget, next: ShareTarget): boolean {
  const topics =
    old.topics.size === next.topics.size && [...next.topics].every(([id, count]) => old.topics.get(id) === count);
  return (
    topics &&
    old.members.length === next.members.length &&
    old.members.every((member, at) => {
      const now = next.members[at];
      return (
        now?.seat === member.seat && now.nonce === member.nonce && now.subscriptionNumber === member.subscriptionNumber
      );
    })
  );
}

function nextState(state: GroupState, { epoch, members }: ShareTarget, nowMs: number): GroupState {
  const { emptySinceMs, ...rest } = state;
  return {
    ...rest,
    version: state.version + 1,
    epoch,
    members: members.length,
    ...(members.length === 0 && { emptySinceMs: emptySinceMs ?? nowMs }),
    lookMs: nowMs + groupLimits.groupLookMs,
  };
}
