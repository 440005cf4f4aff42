/**
 * Runs whose object no replica has. After an unclean election that may be for good: the election's item names the
 * offsets, and readers pass over them as over compacted records. Nothing is remembered of it, because a replica that
 * comes back with the object makes the records readable again.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { LocatedRun } from '../../log/ledger/locate.ts';
import type { Broker } from '../broker.ts';
import { areAllAmong, OWN_BUCKET } from '../ledger/replicated.ts';
import type { PartitionView } from './partition-view.ts';

/** Whether a run that was not found is one that may be lost; else the reader should try again. */
export async function isLost(broker: Broker, { ledger, head }: PartitionView, run: LocatedRun): Promise<boolean> {
  if (head.replication === undefined || !areAllAmong(head, broker.objects.replicas?.given ?? OWN_BUCKET)) return false;
  if (await mayBeLost(broker, ledger, head, run)) return true;
  // The view may be older than the election that lost it.
  const newest = await broker.heads.strong(ledger);
  return newest !== undefined && mayBeLost(broker, ledger, newest, run);
}

/**
 * Whether an unclean election up to the head's epoch named the run. Such ranges have commits as a whole, or not at all.
 */
export async function mayBeLost(
  { epochs }: Broker,
  ledger: LedgerId,
  head: LedgerHead,
  { slot, baseOffset, endOffset }: LocatedRun,
): Promise<boolean> {
  const ranges = await epochs.lostRanges(ledger, slot, head);
  return ranges.some(({ from, to }) => from <= baseOffset && endOffset <= to);
}

export function notFound(): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', 'The stored bytes of these offsets are not found; try again.');
}
