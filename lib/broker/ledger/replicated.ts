/**
 * Replicated ledgers as their heads show them (docs/replication.md). A head of a ledger with a single replica has no
 * view, and all that it has appended is there for everyone.
 */
import {
  type HeadView,
  type LedgerView,
  sealableCommits,
  type TailCommit,
  visibleEnd,
} from '../../coordination/replication/ledger-view.ts';
import { covers, decodeReplication, maskOf, type ReplicaMask } from '../../coordination/replication/replica-state.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { type Commit, idOf, packCommit } from '../../log/ledger/commit.ts';
import { headKey, type LedgerHead } from '../../log/ledger/head.ts';

/** The stack's own bucket, which has every object of ledgers with a single replica. */
export const OWN_BUCKET: ReplicaMask = 1;

const views = new WeakMap<LedgerHead, HeadView>();

/** `undefined`: the ledger has a single replica. */
export function headView(head: LedgerHead): HeadView | undefined {
  if (head.replication === undefined) return undefined;
  const known = views.get(head);
  if (known !== undefined) return known;
  const replication = decodeReplication(head.replication);
  if (replication === undefined) return undefined;
  const { version, epoch, isrVersion, next, recent } = head;
  const view = { ...replication, version, epoch, isrVersion, next, recent, tail: head.tail.map(tailCommit) };
  views.set(head, view);
  return view;
}

/** The same for who makes plans. */
export function ledgerView(ledger: LedgerId, head: LedgerHead): LedgerView | undefined {
  const view = headView(head);
  return view && { ...view, key: headKey(ledger) };
}

function tailCommit(commit: Commit): TailCommit {
  return {
    get packed() {
      return packCommit(commit); // elections only
    },
    id: idOf(commit),
    holders: commit.replicated?.holders ?? 0,
    inline: commit.tier === 'inline',
    runs: commit.runs,
  };
}

/** One past the newest offset of the slot that readers see. */
export function highWatermark(head: LedgerHead, slot: number): number {
  const view = headView(head);
  return view === undefined ? (head.next[slot] as number) : visibleEnd(view, slot);
}

/** How many of the tail's commits may be moved into a page. */
export function sealable(head: LedgerHead): number {
  const view = headView(head);
  return view === undefined ? head.tail.length : sealableCommits(view);
}

/** Which replicas have what readers see of the ledger. */
export function inSyncReplicas(head: LedgerHead): ReplicaMask {
  return headView(head)?.state.inSync ?? OWN_BUCKET;
}

/** All replicas of the ledger; `undefined` where it has a single one. */
export function replicasOf(head: LedgerHead): ReplicaMask | undefined {
  const state = headView(head)?.state;
  return state && maskOf(state.replicas);
}

/** Whether all replicas of the ledger have what readers see, and are among these. */
export function isInSync(head: LedgerHead, given: ReplicaMask): boolean {
  const replicas = replicasOf(head);
  return replicas === undefined || (covers(inSyncReplicas(head), replicas) && covers(given, replicas));
}

/** Whether all replicas of the ledger are among these. What a process was not given may have what the others lack. */
export function areAllAmong(head: LedgerHead, given: ReplicaMask): boolean {
  const state = headView(head)?.state;
  return state === undefined || covers(given, maskOf(state.replicas));
}
