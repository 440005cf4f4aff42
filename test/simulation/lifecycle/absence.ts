/** Which records need not be there, although nobody has deleted them from the log. */
import { mayBeCompacted } from './compaction-checkers.ts';
import { mayBeErased } from './erasure-watch.ts';
import type { LifecycleHistory, TruePartition } from './lifecycle-history.ts';

/** Whether a reader that was answered at this moment need not have got the record of this offset. */
export function mayBeAbsent(
  history: LifecycleHistory,
  partition: TruePartition,
  at: { offset: number; answeredAt: number },
): boolean {
  return mayBeCompacted(history, partition, at) || mayBeErased(history, partition, at);
}
