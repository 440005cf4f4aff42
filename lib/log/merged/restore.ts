/**
 * Making items of segments again that were lost, in as many transactions as it takes. The last one raises
 * `lifecycle.v`, as each does that changes segments, and beyond the version of every object, where the lifecycle item
 * was lost as well. Those before it leave it: who begins anew in between must judge the objects by the same version.
 *
 * The sweeper's fence does not count here: the objects are old, and were committed once. So nothing else may be at
 * work.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import type { Condition, Write } from '../../kernel/items.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { chunked } from '../../kernel/map-bounded.ts';
import { headKey } from '../ledger/head.ts';
import { type Lifecycle, lifecycleKey } from './lifecycle-item.ts';
import { encodeSegmentItem, type SegmentItem, segmentKey } from './segment-item.ts';
import { unchanged } from './unchanged.ts';

export interface LostSegments {
  /** Of any of the ledger's partitions. */
  segments: readonly SegmentItem[];
  /** The newest version that an object of the ledger was made from. */
  newestVersion: number;
}

/** One after the other. */
export function planRestore(
  ledger: LedgerId,
  { version }: Pick<Lifecycle, 'version'>,
  { segments, newestVersion }: LostSegments,
): Write[][] {
  const key = lifecycleKey(ledger);
  const conditions: Condition[] = [unchanged('v', version)];
  const next = Math.max(version, newestVersion) + 1;
  const steps = chunked(segments, mergingLimits.segmentWritesMax);
  return steps.map((some, index) => {
    const isLast = index === steps.length - 1;
    const guards: Write[] = [
      // A topic that is deleted meanwhile must not get items again.
      { kind: 'check', key: headKey(ledger), conditions: [{ clause: 'item-exists' }] },
      isLast ? { kind: 'update', key, changes: { set: { v: next } }, conditions } : { kind: 'check', key, conditions },
    ];
    return guards.concat(some.map((segment) => lostItem(ledger, segment)));
  });
}

function lostItem({ topicId }: LedgerId, segment: SegmentItem): Write {
  const conditions: Condition[] = [{ clause: 'item-absent' }];
  return { kind: 'put', key: segmentKey(topicId, segment), attributes: encodeSegmentItem(segment), conditions };
}
