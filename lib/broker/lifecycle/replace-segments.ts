/** Commits what segments were rewritten to: one transaction, which condemns what it replaces. */
import { toHex } from '../../kernel/bytes.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import type { CompactionProgress, Lifecycle } from '../../log/merged/lifecycle-item.ts';
import { planReplace } from '../../log/merged/plans.ts';
import type { Broker } from '../broker.ts';
import { commitSegments, isSegmentThere, type SegmentsCommitted } from './commit-segments.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import type { RewrittenSegments } from './rewrite-segments.ts';

export interface SegmentsReplacement {
  ledger: LedgerId;
  lifecycle: Lifecycle;
  /** Together as much as one transaction takes, of any of the ledger's partitions; perhaps none. */
  rewritten: readonly RewrittenSegments[];
  /** Of slots that were compacted. */
  progress?: ReadonlyMap<number, CompactionProgress>;
  /** A write that takes effect with the replacement, once. */
  with?: Write;
}

export function replaceSegments(broker: Broker, replacement: SegmentsReplacement): Promise<SegmentsCommitted> {
  const { ledger, lifecycle, rewritten, progress } = replacement;
  const add = rewritten.flatMap((one) => one.add);
  const remove = rewritten.flatMap((one) => one.remove);
  const random = toHex(broker.random.bytes(4));
  const plan = (nowMs: number) => [
    ...planReplace(ledger, lifecycle, {
      remove,
      add,
      condemned: { ms: nowMs, random },
      ...(progress !== undefined && { progress }),
    }),
    ...(replacement.with === undefined ? [] : [replacement.with]),
  ];
  const isApplied = async () => {
    const [first] = add;
    if (first !== undefined) return isSegmentThere(broker, ledger.topicId, first);
    // Without new segments there is nothing but a version to go by, and no object that somebody else's could be taken
    // for.
    const now = await lifecycleOf(broker, ledger);
    return now.version > lifecycle.version;
  };
  return commitSegments(broker, { plan, objects: rewritten.flatMap(({ objects }) => objects), isApplied });
}
