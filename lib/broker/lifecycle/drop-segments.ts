/**
 * Lets merged segments go that end at or below the log start, by retention or by a deletion of records: one transaction
 * takes their items away and condemns their objects. Readers with an older head have a grace to look again, as of
 * segments that are replaced.
 *
 * May be cut off anywhere, run twice and overlap with anything: like all that changes segments it has the condition
 * that nobody else has changed any since it looked.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import {
  decodeSegmentItem,
  partitionKey,
  SEGMENTS_START,
  type SegmentItem,
  segmentSortKey,
} from '../../log/merged/segment-item.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import { replaceSegments } from './replace-segments.ts';

/** As many as one transaction takes. Answers how many went; the next step goes on with what is left. */
export async function dropSegments(broker: Broker, topic: Topic, ledger: LedgerId): Promise<number> {
  // In this order: a segment that is seen is one of that version or a newer one, of which nothing is applied then.
  const lifecycle = await lifecycleOf(broker, ledger);
  if (lifecycle.version === 0) return 0;
  const head = await broker.heads.strong(ledger);
  if (head === undefined) return 0;
  const remove = await segmentsBelowStarts(broker, { topic, ledger, head });
  if (remove.length === 0) return 0;
  const rewritten = [{ remove, add: [], objects: [], records: 0 }];
  const { outcome } = await replaceSegments(broker, { ledger, lifecycle, rewritten });
  return outcome === 'applied' ? remove.length : 0;
}

async function segmentsBelowStarts(
  { metadata }: Broker,
  { topic, ledger, head }: { topic: Topic; ledger: LedgerId; head: LedgerHead },
): Promise<SegmentItem[]> {
  const found: SegmentItem[] = [];
  for (const [slot, start] of head.start.entries()) {
    const room = mergingLimits.segmentWritesMax - found.length;
    if (start === 0 || room === 0) continue;
    const page = await metadata.query({
      pk: partitionKey(topic.topicId, ledger.index * topic.ledgerPartitions + slot),
      from: SEGMENTS_START,
      to: segmentSortKey(start),
      limit: room,
      consistency: 'strong',
    });
    found.push(...page.items.map(decodeSegmentItem).filter(({ end }) => end <= start));
  }
  return found;
}
