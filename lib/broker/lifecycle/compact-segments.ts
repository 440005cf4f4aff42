/**
 * The second reading of a compaction: what the first has found newer records of goes, from the oldest segment on.
 *
 * Segments are cleaned in groups of neighbours, the oldest first: in another order a tombstone could go before what it
 * deletes. Each group is one transaction, which notes how far the pass has come; that of the last one says that it is
 * over. Whoever is cut off has cleaned the beginning, and the next step goes on behind it.
 *
 * A group's objects say in their footers which version of the ledger's segments they were made from, and are committed
 * on the condition that it is still that one: `millrace restore` goes by it (docs/fsck.md).
 */
import { compactionLimits } from '../../kernel/limits/compaction.ts';
import { BatchCleaner } from '../../log/compaction/clean.ts';
import type { NewestOffsets } from '../../log/compaction/newest-offsets.ts';
import type { CompactionProgress } from '../../log/merged/lifecycle-item.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { discardObjects } from './commit-segments.ts';
import { type CompactionState, compactionState, unlessReplaced } from './compaction-state.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';
import { replaceSegments } from './replace-segments.ts';
import { type RewrittenSegments, rewriteSegments } from './rewrite-segments.ts';

export interface Cleaning {
  topic: Topic;
  partition: number;
  /** As the pass, or this step of it, was planned from. */
  state: CompactionState;
  newest: NewestOffsets;
  /** Below it an earlier step of the pass has cleaned everything. */
  cleanedTo: number;
  bounds: { groupBytesMax: number; stepBytesMax: number };
  /** No group begins later, but for the first one; of the broker's monotonic clock. */
  lastMs: number;
  signal?: AbortSignal;
}

export interface Cleaned {
  /**
   * `applied`: the pass is over. `advanced`: the next step goes on with it. `refused`: others have compacted the
   * partition meanwhile, or went on changing the ledger's segments. `unknown`: storage did not say.
   */
  outcome: 'applied' | 'advanced' | 'stopped' | 'refused' | 'unknown';
  /** What was replaced, whatever the outcome: segments, and what of them is no more. */
  segments: number;
  records: number;
  bytes: number;
  /** Those of the records that had no key. */
  keyless: number;
}

/** Throws as `rewriteSegments` does. */
export async function cleanSegments(broker: Broker, cleaning: Cleaning): Promise<Cleaned> {
  const { bounds, lastMs } = cleaning;
  const cleaner = new GroupCleaner(broker, cleaning);
  let attempts = 0;
  for (;;) {
    const outcome = await cleaner.next();
    attempts = outcome === 'overtaken' ? attempts + 1 : 0;
    if (attempts === compactionLimits.compactionGroupAttemptsMax) return { outcome: 'refused', ...cleaner.sums };
    if (outcome === 'overtaken') continue;
    const isOver = cleaner.bytesRead >= bounds.stepBytesMax || broker.clock.monotonic() > lastMs;
    if (outcome !== 'advanced' || isOver) return { outcome, ...cleaner.sums };
  }
}

class GroupCleaner {
  readonly sums = { segments: 0, records: 0, bytes: 0, keyless: 0 };
  bytesRead = 0;
  private readonly broker: Broker;
  private readonly cleaning: Cleaning;
  private readonly cleaner: BatchCleaner;
  private state: CompactionState;
  private cleanedTo: number;

  constructor(broker: Broker, cleaning: Cleaning) {
    this.broker = broker;
    this.cleaning = cleaning;
    this.state = cleaning.state;
    this.cleanedTo = cleaning.cleanedTo;
    this.cleaner = new BatchCleaner({
      newest: cleaning.newest,
      compression: broker.compression,
      nowMs: broker.clock.now(),
      deleteRetentionMs: cleaning.topic.config['delete.retention.ms'],
    });
  }

  /** `overtaken`: the segments have changed; it may be tried again. */
  async next(): Promise<Cleaned['outcome'] | 'overtaken'> {
    const looked = await this.look();
    if (looked !== 'same') return looked;
    const { cleaner, state, cleanedTo } = this;
    const { newest, bounds, signal } = this.cleaning;
    const keyless = cleaner.keylessRemoved;
    const group = nextGroup(state.segments, { from: cleanedTo, to: newest.end, bytesMax: bounds.groupBytesMax });
    const rewritten = await this.rewrite(group);
    if (rewritten === 'refused') return 'overtaken';
    // Told to stop it may have left the last ones out.
    const reached = signal?.aborted === true ? endOf(rewritten.flatMap(({ remove }) => remove)) : endOf(group);
    if (signal?.aborted === true && reached === undefined) return 'stopped';
    const isLast = signal?.aborted !== true && (reached ?? newest.end) >= newest.end;
    const committed = await this.commit(rewritten, isLast ? undefined : reached);
    if (committed !== 'applied') return committed === 'refused' ? 'overtaken' : committed;
    this.sums.keyless += cleaner.keylessRemoved - keyless;
    this.bytesRead += bytesOf(group);
    if (isLast) return 'applied';
    return signal?.aborted === true ? 'stopped' : 'advanced';
  }

  /** That the state is what is stored, or is again. `refused`: somebody else has gone on with the pass. */
  private async look(): Promise<'same' | 'overtaken' | 'refused'> {
    const { broker } = this;
    const { topic, partition } = this.cleaning;
    const { ledger, slot } = ledgerOf(topic, partition);
    const lifecycle = await lifecycleOf(broker, ledger);
    if (!isSame(lifecycle.compacted.get(slot), this.state.progress)) return 'refused';
    if (lifecycle.version === this.state.lifecycle.version) {
      this.state = { ...this.state, lifecycle };
      return 'same';
    }
    const state = await compactionState(broker, topic, partition);
    if (state === 'changing') return 'overtaken';
    if (state === undefined || !isSame(state.progress, this.state.progress)) return 'refused';
    this.state = state;
    return 'same';
  }

  private rewrite(group: readonly SegmentItem[]): Promise<RewrittenSegments[] | 'refused'> {
    const { broker, cleaner } = this;
    const { topic, partition, newest, signal } = this.cleaning;
    const { head, lifecycle } = this.state;
    const { ledger } = ledgerOf(topic, partition);
    return unlessReplaced(broker, { ledger, lifecycle }, async () => {
      const rewritten: RewrittenSegments[] = [];
      const segments = rewriteSegments(broker, {
        topic,
        ledger,
        head,
        lifecycle: () => lifecycle,
        segments: group,
        rewrite: (bytes, header) => cleaner.clean(bytes, header),
        isCompacted: ({ end }) => end <= newest.end,
        ...(signal !== undefined && { signal }),
      });
      try {
        for await (const one of segments) rewritten.push(one);
      } catch (error) {
        await discardObjects(
          broker,
          rewritten.flatMap(({ objects }) => objects),
        );
        throw error;
      }
      return rewritten;
    });
  }

  /** `cleanedTo`: how far the pass has come; `undefined`: it is over. */
  private async commit(rewritten: readonly RewrittenSegments[], cleanedTo: number | undefined) {
    const { broker, state } = this;
    const { topic, partition, newest } = this.cleaning;
    const { ledger, slot } = ledgerOf(topic, partition);
    const { lifecycle } = state;
    const atMs = broker.clock.now();
    const progress: CompactionProgress =
      cleanedTo === undefined
        ? { dirtyFrom: newest.end, atMs }
        : { dirtyFrom: newest.from, atMs, pass: { end: newest.end, cleanedTo } };
    const replacement = { ledger, lifecycle, rewritten, progress: new Map([[slot, progress]]) };
    const { outcome } = await replaceSegments(broker, replacement);
    if (outcome !== 'applied') return outcome;
    broker.segments.forget({ topicId: topic.topicId, partition });
    for (const { remove, add, records } of rewritten) {
      this.sums.segments += remove.length;
      this.sums.records += records;
      this.sums.bytes += bytesOf(remove) - bytesOf(add);
    }
    this.cleanedTo = cleanedTo ?? newest.end;
    // What was replaced lies below where the next group begins.
    this.state = { ...state, progress, lifecycle: { ...lifecycle, version: lifecycle.version + 1 } };
    return outcome;
  }
}

function nextGroup(
  segments: readonly SegmentItem[],
  { from, to, bytesMax }: { from: number; to: number; bytesMax: number },
): SegmentItem[] {
  const group: SegmentItem[] = [];
  let bytes = 0;
  for (const segment of segments.filter(({ base, end }) => end > from && base < to)) {
    bytes += segment.bytes;
    if (group.length > 0 && bytes > bytesMax) break;
    group.push(segment);
    if (group.length === compactionLimits.compactionGroupSegmentsMax) break;
  }
  return group;
}

function isSame(a: CompactionProgress | undefined, b: CompactionProgress | undefined): boolean {
  return a?.dirtyFrom === b?.dirtyFrom && a?.pass?.end === b?.pass?.end && a?.pass?.cleanedTo === b?.pass?.cleanedTo;
}

function endOf(segments: readonly SegmentItem[]): number | undefined {
  return segments.at(-1)?.end;
}

function bytesOf(segments: readonly SegmentItem[]): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}
