/** A commit whose bytes are stored, or being stored, on its way into its ledger. */
import { covers } from '../../coordination/replication/replica-state.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { headView } from '../ledger/replicated.ts';
import { type Batch, deadlineOf } from './flush.ts';
import { awaitHolders, type PlaceParts } from './holders.ts';
import type { Placement } from './placement.ts';
import { strongestOf, type Unit } from './unit.ts';

export interface UploadedPart {
  batch: Batch;
  commit: Commit;
  /** The newest head known before the upload; of a replicated ledger, the one whose replicas were asked. */
  head: LedgerHead;
  /** The commit's bytes by slot, for the cache. */
  chunks: ReadonlyMap<number, Uint8Array[]>;
  /** The next part number that no commit to the object has; shared by all of them. */
  numbers: { next: number };
  placement: Placement;
}

export function ledgerOf({ units }: Batch): LedgerId {
  return (units[0] as Unit).ledger;
}

/** Waits until the part may be appended to the ledger as `head`, or a newer one, shows it. Throws as `awaitHolders`. */
export async function placePart(parts: PlaceParts, part: UploadedPart, head = part.head): Promise<UploadedPart> {
  const { batch, commit, placement } = part;
  const request = { ledger: ledgerOf(batch), head, ...strongestOf(batch.units), deadlineMs: deadlineOf(batch) };
  const { replicated, head: asked } = await awaitHolders(parts, placement, request);
  return { ...part, head: asked, commit: replicated === undefined ? commit : { ...commit, replicated } };
}

/** Whether a replica in sync, of the set that the append is conditioned on, does not hold the object yet. */
export function leavesGap({ head, commit }: UploadedPart): boolean {
  const view = headView(head);
  if (view === undefined || commit.tier === 'inline') return false;
  return !covers(commit.replicated?.holders ?? 0, view.state.inSync);
}

/** In place of the part there are `pieces` of it, perhaps none. */
export function shareAmong({ head, placement }: UploadedPart, pieces: number): void {
  if (headView(head) !== undefined) placement.join(pieces - 1);
}

/** The part has its object sent nowhere any more. Its chunks go where `then` takes them once nobody looks at them. */
export function leavePlacement({ head, placement }: UploadedPart, then?: () => void): void {
  if (headView(head) !== undefined) placement.leave();
  if (then === undefined) return;
  if (placement.isOver) then();
  else void placement.over.then(then);
}
