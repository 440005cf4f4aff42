/** What of a ledger readers see, and which replicas they ask for it. */
import type { LedgerHead } from '../../log/ledger/head.ts';
import { type LocatedRun, runsInTail } from '../../log/ledger/locate.ts';
import type { ReadOrder } from '../../storage/objects/replicated.ts';
import { highWatermark, inSyncReplicas } from '../ledger/replicated.ts';

/** The slot's runs in the tail that are below the high watermark, which pages always are. */
export function visibleInTail(head: LedgerHead, slot: number): LocatedRun[] {
  const runs = runsInTail(head, slot);
  if (head.replication === undefined) return runs;
  const end = highWatermark(head, slot);
  return runs.filter(({ endOffset }) => endOffset <= end);
}

/** Who is in sync has what readers see, and of these the near ones go first. `undefined`: there is only one to ask. */
export function readOrder(head: LedgerHead, rack: string | undefined): ReadOrder | undefined {
  return head.replication === undefined ? undefined : { first: inSyncReplicas(head), rack };
}
