/**
 * Elections: who leads next, what of the tail goes, and the transaction that does it.
 *
 * - *Clean*: an in-sync replica takes over. What it does not hold, or what lies above such a gap, is cut off the tail:
 *   all of it lies above the high watermark, where no reader has been and no `acks=all` was answered.
 * - *Unclean*, where the topic allows it and no replica in sync is alive: another one takes over. Nothing below the
 *   high watermark is cut even then, and no offset is given twice: the epoch's item names the offsets whose bytes may
 *   be gone, and a replica that comes back with them makes them readable again.
 * - *Preferred*: the first of the replicas takes over from a healthy leader, when that cuts nothing off.
 *
 * The head must be exactly the one that was decided on, since the tail is replaced. Old epochs are fenced by `e`, which
 * every append checks, and the ids of what was cut off leave the head with it. A writer that does not know what became
 * of its append and finds the id gone under a new epoch may append once more: its old attempts can never pass again.
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, Changes, Write } from '../../kernel/items.ts';
import { encodeEpoch, epochKey, type LeaderEpoch, type LostRange } from './epoch-item.ts';
import { commitsEnd, coveredCommits, heldUpTo, type LedgerView, offsetAt, type TailCommit } from './ledger-view.ts';
import { sameSet } from './membership.ts';
import {
  cursorAttribute,
  has,
  maskOf,
  packState,
  type ReplicaId,
  type ReplicaMask,
  type ReplicaState,
  without,
} from './replica-state.ts';

export type Election =
  /** `cut`: commits from this number on go. */
  | { election: 'clean' | 'preferred'; leader: ReplicaId; cut: number }
  /** Commits from `lostFrom` to `cut` may be lost; where the two are equal, none is. */
  | { election: 'unclean'; leader: ReplicaId; cut: number; lostFrom: number }
  /** Nobody alive may lead: the ledger waits for one that may. */
  | { election: 'none' };

/** The leader has failed. `alive` are those whose health is good. */
export function decideElection(
  view: LedgerView,
  { alive, uncleanAllowed }: { alive: ReplicaMask; uncleanAllowed: boolean },
): Election {
  const { state } = view;
  const others = state.replicas.filter((replica) => replica !== state.leader && has(alive, replica));
  const clean = furthest(
    view,
    others.filter((replica) => has(state.inSync, replica)),
  );
  if (clean !== undefined) return { election: 'clean', leader: clean, cut: heldUpTo(view, clean) };
  const unclean = uncleanAllowed ? furthest(view, others) : undefined;
  if (unclean === undefined) return { election: 'none' };
  const held = heldUpTo(view, unclean);
  const covered = coveredCommits(view);
  return { election: 'unclean', leader: unclean, cut: Math.max(held, covered), lostFrom: Math.min(held, covered) };
}

/** The preferred leader is alive and in sync, holds everything, and does not lead. */
export function decidePreferred(view: LedgerView, { alive }: { alive: ReplicaMask }): Election {
  const { state } = view;
  const leader = state.replicas[0] as ReplicaId;
  const may = leader !== state.leader && has(state.inSync, leader) && has(alive, leader);
  const cut = commitsEnd(view);
  return may && heldUpTo(view, leader) === cut ? { election: 'preferred', leader, cut } : { election: 'none' };
}

export interface ElectionExtras {
  /** Unclean: what may be lost, by slot, from the first offset of the commit `lostFrom`. */
  lost?: readonly LostRange[];
  /** What else of the head depends on what was cut off, such as producers' sequences. */
  rollBack?: Pick<Changes, 'set' | 'remove'>;
}

/** The transaction of an election: the head, and the epoch's item. */
export function planElection(
  view: LedgerView,
  election: Exclude<Election, { election: 'none' }>,
  { lost, rollBack = {} }: ElectionExtras = {},
): Write[] {
  const { cut, leader } = election;
  assert(cut >= coveredCommits(view), 'nothing below the high watermark is cut off');
  assert((election.election === 'unclean') === (lost !== undefined), 'an unclean election says what may be lost');
  const after = truncate(view, cut);
  const set: Attributes = { q: packState(stateAfter(view.state, election)), ...after.set, ...rollBack.set };
  for (const replica of view.state.replicas) {
    const held = replica === leader ? cut : Math.min(heldUpTo(view, replica), cut);
    set[cursorAttribute(replica)] = held;
  }
  const epoch: LeaderEpoch = { epoch: view.epoch + 1, leader, starts: after.next, ...(lost && { lost }) };
  return [
    {
      kind: 'update',
      key: view.key,
      changes: {
        set,
        add: { v: 1, e: 1, i: 1, b: -after.bytes },
        remove: [...after.emptied, ...(rollBack.remove ?? [])],
      },
      conditions: [...sameSet(view), { clause: 'equals', attribute: 'v', value: view.version }],
    },
    {
      kind: 'put',
      key: epochKey(view.key, epoch.epoch),
      attributes: encodeEpoch(epoch),
      conditions: [{ clause: 'item-absent' }],
    },
  ];
}

export interface Truncation {
  /** The tail and the ids without what was cut off, and the next offsets that went down; nothing where nothing was. */
  set: Attributes;
  /** Next offsets that are 0 again: the head has no attribute for 0. */
  emptied: string[];
  cutOff: readonly TailCommit[];
  /** By slot, after the cut. */
  next: readonly number[];
  /** What the commits that were cut off had. */
  bytes: number;
}

/** The head without its commits from number `cut` on. */
export function truncate(view: LedgerView, cut: number): Truncation {
  assert(cut >= view.paged && cut <= commitsEnd(view), `commit ${cut} is in the tail`);
  const kept = cut - view.paged;
  const cutOff = view.tail.slice(kept);
  const next = view.next.map((_, slot) => offsetAt(view, slot, cut));
  const lowered = [...next.keys()].filter((slot) => next[slot] !== view.next[slot]);
  const set: Attributes = {};
  if (cutOff.length > 0) {
    set['t'] = view.tail.slice(0, kept).map(({ packed }) => packed);
    set['r'] = view.recent.slice(0, view.recent.length - cutOff.length);
  }
  for (const slot of lowered) if (next[slot] !== 0) set[`n${slot}`] = next[slot] as number;
  const bytes = cutOff.flatMap(({ runs }) => runs).reduce((sum, run) => sum + run.bytes, 0);
  return { set, emptied: lowered.filter((slot) => next[slot] === 0).map((slot) => `n${slot}`), cutOff, next, bytes };
}

/** What may be lost, by slot, of the tail's commits from `lostFrom` up to the cut; earlier ones are in pages. */
export function lostInTail(view: LedgerView, { lostFrom, cut }: { lostFrom: number; cut: number }): LostRange[] {
  assert(lostFrom >= view.paged, 'what is lost is in the tail');
  return view.next.map((_, slot) => ({ from: offsetAt(view, slot, lostFrom), to: offsetAt(view, slot, cut) }));
}

function stateAfter(state: ReplicaState, { election, leader }: Exclude<Election, { election: 'none' }>): ReplicaState {
  switch (election) {
    case 'clean':
      return { ...state, leader, inSync: without(state.inSync, maskOf([state.leader])) };
    case 'preferred':
      return { ...state, leader };
    case 'unclean':
      return { ...state, leader, inSync: maskOf([leader]), joining: 0 };
  }
}

/** Who holds most; of those that hold as much, the one that is preferred. */
function furthest(view: LedgerView, candidates: readonly ReplicaId[]): ReplicaId | undefined {
  return candidates.reduce<ReplicaId | undefined>(
    (best, replica) => (best === undefined || heldUpTo(view, replica) > heldUpTo(view, best) ? replica : best),
    undefined,
  );
}
