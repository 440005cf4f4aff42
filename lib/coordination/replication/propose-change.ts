/**
 * What is to be done about a ledger's replicas now, from its head and from what this process has seen of the replicas.
 * Proposes one thing at a time; whoever carries it out looks again with the head that comes of it.
 *
 * Processes may see different things: one may not reach a replica that others reach. So nobody is removed on one
 * process's word while the head shows that others get through to it (`reached`).
 */
import { decideElection, decidePreferred, type Election } from './election.ts';
import { commitsEnd, heldUpTo, type LedgerView } from './ledger-view.ts';
import { decideJoin, type JoinDecision } from './membership.ts';
import { has, maskOf, members, type ReplicaId, type ReplicaMask, without } from './replica-state.ts';

export interface ReplicaSight {
  /** Health is good. */
  alive: ReplicaMask;
  /** Health is bad beyond doubt; the rest is suspect, recovering, or never asked. */
  failed: ReplicaMask;
  /** In sync, but behind for longer than `replica.lag.time.max.ms`. */
  lagging: ReplicaMask;
  /** By replica: the end of the ledger (`commitsEnd`) in the head that was known when its requests began to fail. */
  failingSince: ReadonlyMap<ReplicaId, { epoch: number; number: number }>;
}

export interface ReplicaPolicy {
  uncleanAllowed: boolean;
  /** Give leadership back to the first of the replicas. */
  preferFirst: boolean;
}

export type ReplicaChange =
  | { change: 'elect'; election: Exclude<Election, { election: 'none' }> }
  | { change: 'leave'; replicas: ReplicaMask }
  | { change: 'start-joining'; replica: ReplicaId }
  | { change: 'join'; replica: ReplicaId; write: Extract<JoinDecision, { join: 'now' }>['write'] }
  /** The leader has failed and nobody may take over. */
  | { change: 'wait-for-leader' }
  | { change: 'none' };

export function proposeChange(view: LedgerView, sight: ReplicaSight, policy: ReplicaPolicy): ReplicaChange {
  const { state } = view;
  const failed = maskOf(members(sight.failed).filter((replica) => !isReached(view, replica, sight)));
  if (has(failed, state.leader)) {
    const election = decideElection(view, { alive: sight.alive, uncleanAllowed: policy.uncleanAllowed });
    return election.election === 'none' ? { change: 'wait-for-leader' } : { change: 'elect', election };
  }
  const useless = (failed & (state.inSync | state.joining)) | (sight.lagging & state.inSync);
  const leaving = without(useless, maskOf([state.leader]));
  if (leaving !== 0) return { change: 'leave', replicas: leaving };
  return proposeReturn(view, sight.alive) ?? proposePreferred(view, sight.alive, policy);
}

export interface CopyWork {
  replica: ReplicaId;
  /** Commit numbers: the first that the replica lacks … */
  from: number;
  /** … and the end of the ledger. */
  to: number;
}

/**
 * What the copier is to bring to the replicas that are in sync or joining. Those that left get nothing until they join.
 */
export function copiesDue(view: LedgerView): CopyWork[] {
  const to = commitsEnd(view);
  return members(view.state.inSync | view.state.joining)
    .map((replica) => ({ replica, from: heldUpTo(view, replica), to }))
    .filter(({ from }) => from < to);
}

/** Others have appended what this replica holds, since its requests began to fail here. */
export function isReached(
  view: LedgerView,
  replica: ReplicaId,
  { failingSince }: Pick<ReplicaSight, 'failingSince'>,
): boolean {
  const mark = failingSince.get(replica);
  if (mark === undefined) return false;
  // Numbers are comparable within an epoch only; after an election what was seen before says nothing.
  if (mark.epoch !== view.epoch) return true;
  const { tail, paged } = view;
  return tail.some((commit, index) => paged + index >= mark.number && !commit.inline && has(commit.holders, replica));
}

/** The mark to keep for a replica whose requests begin to fail, or that others were seen to reach. */
export function failingMark(view: LedgerView): { epoch: number; number: number } {
  return { epoch: view.epoch, number: commitsEnd(view) };
}

function proposeReturn(view: LedgerView, alive: ReplicaMask): ReplicaChange | undefined {
  const { state } = view;
  for (const replica of state.replicas) {
    if (!has(alive, replica) || has(state.inSync, replica)) continue;
    if (!has(state.joining, replica)) return { change: 'start-joining', replica };
    const decision = decideJoin(view, replica);
    if (decision.join === 'now') return { change: 'join', replica, write: decision.write };
  }
  return undefined;
}

function proposePreferred(view: LedgerView, alive: ReplicaMask, { preferFirst }: ReplicaPolicy): ReplicaChange {
  const election = preferFirst ? decidePreferred(view, { alive }) : ({ election: 'none' } as const);
  return election.election === 'none' ? { change: 'none' } : { change: 'elect', election };
}
