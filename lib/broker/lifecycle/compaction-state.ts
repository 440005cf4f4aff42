/** What compaction goes by: a partition's merged segments and how far passes have come, as they were at one moment. */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { CompactionProgress, Lifecycle } from '../../log/merged/lifecycle-item.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import { segmentsFrom } from './ledger-pieces.ts';

export interface CompactionState {
  head: LedgerHead;
  lifecycle: Lifecycle;
  logStartOffset: number;
  /** Absent: the partition was never compacted. */
  progress?: CompactionProgress;
  /** From the log start on. */
  segments: readonly SegmentItem[];
}

/** `undefined`: nothing is merged. `changing`: segments are being replaced at this moment. */
export async function compactionState(
  broker: Broker,
  topic: Topic,
  partition: number,
): Promise<CompactionState | 'changing' | undefined> {
  const { ledger, slot } = ledgerOf(topic, partition);
  const lifecycle = await lifecycleOf(broker, ledger);
  const head = lifecycle.version === 0 ? undefined : await broker.heads.strong(ledger);
  if (head === undefined) return undefined;
  const logStartOffset = head.start[slot] as number;
  const segments: SegmentItem[] = [];
  for await (const segment of segmentsFrom(broker.metadata, { topicId: topic.topicId, partition }, logStartOffset)) {
    if (segment.end > logStartOffset) segments.push(segment);
  }
  // Several queries are not one state.
  if ((await lifecycleOf(broker, ledger)).version !== lifecycle.version) return 'changing';
  const progress = lifecycle.compacted.get(slot);
  return { head, lifecycle, logStartOffset, segments, ...(progress !== undefined && { progress }) };
}

/**
 * `refused`: `work` has found something missing or damaged because others have replaced segments since `lifecycle` was
 * read. What is so for every attempt it throws, unlike what storage could not do now, which is thrown as well and can
 * be told by it.
 */
export async function unlessReplaced<T>(
  broker: Broker,
  { ledger, lifecycle }: { ledger: LedgerId; lifecycle: Lifecycle },
  work: () => Promise<T>,
): Promise<T | 'refused'> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.retriable) throw error;
    if ((await lifecycleOf(broker, ledger)).version !== lifecycle.version) return 'refused';
    throw error;
  }
}
