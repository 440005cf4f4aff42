/**
 * Changes of the in-sync set, as conditional writes of the head.
 *
 * - A replica *leaves* under the same epoch and set version as it was judged under; appends meanwhile do not disturb
 *   it. Its stored cursor is then what it certainly held.
 * - A replica *starts joining*: from then on writers upload to it, and whoever did not know of it is refused by the
 *   version of the set. The copier brings what lies before.
 * - A replica *joins* when it holds all that is below the high watermark, and only if the head is exactly the one that
 *   was looked at: an append between the look and the join may have moved the high watermark past what the replica
 *   holds. A refusal returns the head for the next look.
 * - A *cursor* is raised to what is certain, never lowered, and only within the epoch and set it was found under: an
 *   election gives the numbers of what it cut off to other commits.
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, Condition, Write } from '../../kernel/items.ts';
import { coveredCommits, heldUpTo, type LedgerView } from './ledger-view.ts';
import {
  cursorAttribute,
  has,
  members,
  packState,
  type ReplicaId,
  type ReplicaMask,
  type ReplicaState,
  without,
} from './replica-state.ts';

/** These leave the in-sync set, or stop joining. The leader does not leave; another is elected in its place. */
export function planLeave(view: LedgerView, leaving: ReplicaMask): Write {
  const { state } = view;
  assert(!has(leaving, state.leader), 'the leader does not leave the set that it leads');
  const after = { ...state, inSync: without(state.inSync, leaving), joining: without(state.joining, leaving) };
  const cursors: Attributes = {};
  for (const replica of members(leaving)) cursors[cursorAttribute(replica)] = heldUpTo(view, replica);
  return planChange(view, after, { cursors });
}

/** The replica is uploaded to from now on, and copied up to here. */
export function planStartJoining(view: LedgerView, replica: ReplicaId): Write {
  const { state } = view;
  assert(state.replicas.includes(replica) && !has(state.inSync, replica), 'only a replica that is not in sync joins');
  return planChange(view, { ...state, joining: state.joining | (1 << replica) });
}

export type JoinDecision =
  | { join: 'now'; write: Write }
  /** The copier must bring the commits between first. */
  | { join: 'behind'; heldUpTo: number; covered: number };

export function decideJoin(view: LedgerView, replica: ReplicaId): JoinDecision {
  const { state } = view;
  assert(has(state.joining, replica), 'a replica joins after it has started joining');
  const held = heldUpTo(view, replica);
  const covered = coveredCommits(view);
  if (held < covered) return { join: 'behind', heldUpTo: held, covered };
  const bit = 1 << replica;
  const after = { ...state, inSync: state.inSync | bit, joining: without(state.joining, bit) };
  const unchanged: Condition = { clause: 'equals', attribute: 'v', value: view.version };
  return { join: 'now', write: planChange(view, after, { conditions: [unchanged] }) };
}

/** The replica holds everything below `upTo`. `undefined` where the head says as much already. */
export function planCursor(view: LedgerView, replica: ReplicaId, upTo: number): Write | undefined {
  const attribute = cursorAttribute(replica);
  if (upTo <= (view.cursors[replica] as number)) return undefined;
  return {
    kind: 'update',
    key: view.key,
    changes: { set: { [attribute]: upTo }, add: { v: 1 } },
    conditions: [...sameSet(view), { clause: 'less', attribute, value: upTo }],
  };
}

/** The epoch and the version of the set are the view's. */
export function sameSet({ epoch, isrVersion }: LedgerView): Condition[] {
  return [
    { clause: 'equals', attribute: 'e', value: epoch },
    { clause: 'equals', attribute: 'i', value: isrVersion },
  ];
}

function planChange(
  view: LedgerView,
  state: ReplicaState,
  { cursors = {}, conditions = [] }: { cursors?: Attributes; conditions?: Condition[] } = {},
): Write {
  return {
    kind: 'update',
    key: view.key,
    changes: { set: { q: packState(state), ...cursors }, add: { v: 1, i: 1 } },
    conditions: [...sameSet(view), ...conditions],
  };
}
