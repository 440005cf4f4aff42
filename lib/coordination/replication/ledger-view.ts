/**
 * A replicated ledger as one head shows it, and what follows from it: how far each replica holds the ledger without a
 * gap, how far all that are in sync do, and so what readers may see and sealers may move.
 *
 * Nothing of this is stored: an append says only which replicas hold its own bytes, so it needs no view of what came
 * before. What was stored of a replica's cursor is where the walk along the tail begins.
 *
 * The invariants that the plans of this directory keep, and this reading relies on:
 * - a replica in sync holds every commit in pages (only what is below the high watermark is sealed);
 * - the leader holds every commit of the ledger;
 * - what was lost to an unclean election counts as held; the epoch's item names it (see epoch-item.ts).
 */
import { bytesEqual } from '../../kernel/bytes.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { has, members, type ReplicaId, type ReplicaMask, type Replication } from './replica-state.ts';

/** One entry of the head's tail. */
export interface TailCommit {
  /** As it is in the head's list `t`. */
  packed: Uint8Array;
  id: Uint8Array;
  /** Who held its object when it was appended. */
  holders: ReplicaMask;
  /** Its bytes are an item of the table, which no replica can lack. */
  inline: boolean;
  runs: readonly { slot: number; records: number; bytes: number }[];
}

/** What reading takes; plans also need the key of the head. */
export interface LedgerView extends HeadView {
  key: ItemKey;
}

export interface HeadView extends Replication {
  version: number;
  epoch: number;
  isrVersion: number;
  /** Next offset by slot. */
  next: readonly number[];
  tail: readonly TailCommit[];
  /** Ids of the tail's commits and of those of the last seals, oldest first. */
  recent: readonly Uint8Array[];
}

/** One past the number of the newest commit. */
export function commitsEnd({ paged, tail }: HeadView): number {
  return paged + tail.length;
}

/**
 * The replica holds every commit with a number below this one. `alsoHeld` says what the caller knows to be there beside
 * what the head says, such as an upload that ended after its commit was appended.
 */
export function heldUpTo(
  view: HeadView,
  replica: ReplicaId,
  alsoHeld: (commit: TailCommit) => boolean = () => false,
): number {
  const { state, cursors, paged, tail } = view;
  const cursor = cursors[replica] as number;
  let number = has(state.inSync, replica) ? Math.max(cursor, paged) : cursor;
  // What lies in pages is walked by the copier, which reads them.
  if (number < paged) return number;
  for (; number < commitsEnd(view); number++) {
    const commit = tail[number - paged] as TailCommit;
    if (!commit.inline && !has(commit.holders, replica) && !alsoHeld(commit)) break;
  }
  return number;
}

/** The high watermark as a commit number: every replica in sync holds what is below it. Never goes down. */
export function coveredCommits(view: HeadView): number {
  return Math.min(...members(view.state.inSync).map((replica) => heldUpTo(view, replica)));
}

/** How many of the tail's commits, from its first, may be moved into a page. */
export function sealableCommits(view: HeadView): number {
  return coveredCommits(view) - view.paged;
}

/** The high watermark of a slot: one past the newest offset that readers see. */
export function visibleEnd(view: HeadView, slot: number): number {
  return offsetAt(view, slot, coveredCommits(view));
}

/** The slot's next offset when the commit `number`, which is in the tail or the next one, was about to be appended. */
export function offsetAt(view: HeadView, slot: number, number: number): number {
  let offset = view.next[slot] as number;
  for (const { runs } of view.tail.slice(number - view.paged)) {
    for (const run of runs) if (run.slot === slot) offset -= run.records;
  }
  return offset;
}

/** The number of the commit with this id; `undefined` where it is not in the tail. */
export function numberInTail(view: HeadView, id: Uint8Array): number | undefined {
  const index = view.tail.findIndex((commit) => bytesEqual(commit.id, id));
  return index < 0 ? undefined : view.paged + index;
}
