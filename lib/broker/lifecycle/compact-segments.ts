/**
 * The second reading of a compaction: what the first has found newer records of goes, from the oldest segment on.
 *
 * Segments are replaced in one transaction where they fit in one, else in several, the oldest first: in another order a
 * tombstone could go before what it deletes. The last one says how far the pass has come. Who is cut off before has cleaned
 * the beginning; the next pass reads it again and finds it clean.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { BatchCleaner } from '../../log/compaction/clean.ts';
import type { NewestOffsets } from '../../log/compaction/newest-offsets.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { decodeLifecycle, type Lifecycle, lifecycleKey } from '../../log/merged/lifecycle-item.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { discardObjects } from './commit-segments.ts';
import { replaceSegments, writesOf } from './replace-segments.ts';
import { type RewrittenSegments, rewriteSegments } from './rewrite-segments.ts';

export interface Cleaning {
  topic: Topic;
  partition: number;
  head: LedgerHead;
  lifecycle: Lifecycle;
  /** All of the partition, from the log start on. */
  segments: readonly SegmentItem[];
  newest: NewestOffsets;
  signal?: AbortSignal;
}

export interface Cleaned {
  /** `refused`: someone else has replaced one of the segments meanwhile. `unknown`: storage did not say. */
  outcome: 'applied' | 'stopped' | 'refused' | 'unknown';
  /** What was replaced, whatever the outcome: segments, and what of them is no more. */
  segments: number;
  records: number;
  bytes: number;
  /** Records without a key that were left out; of an applied pass. */
  keyless: number;
}

/** Throws as `rewriteSegments` does. */
export async function cleanSegments(broker: Broker, cleaning: Cleaning): Promise<Cleaned> {
  const { topic, newest, signal } = cleaning;
  const { ledger } = ledgerOf(topic, cleaning.partition);
  const cleaner = new BatchCleaner({
    newest,
    compression: broker.compression,
    nowMs: broker.clock.now(),
    deleteRetentionMs: topic.config['delete.retention.ms'],
  });
  const replacing = new Replacing(broker, cleaning);
  try {
    for await (const rewritten of rewriteSegments(broker, {
      topic,
      ledger,
      head: cleaning.head,
      lifecycle: cleaning.lifecycle,
      segments: cleaning.segments.filter(({ base }) => base < newest.end),
      rewrite: (bytes, header) => cleaner.clean(bytes, header),
      isCompacted: ({ end }) => end <= newest.end,
      ...(signal !== undefined && { signal }),
    })) {
      const committed = await replacing.take(rewritten);
      if (committed !== 'applied') return { outcome: committed, ...replacing.sums, keyless: 0 };
    }
    const isStopped = signal?.aborted === true;
    const committed = await replacing.finish(isStopped ? undefined : newest.end);
    const outcome = committed === 'applied' && isStopped ? 'stopped' : committed;
    return { outcome, ...replacing.sums, keyless: outcome === 'applied' ? cleaner.keylessRemoved : 0 };
  } finally {
    await replacing.discard();
  }
}

/** Gathers what fits a transaction. */
class Replacing {
  readonly sums = { segments: 0, records: 0, bytes: 0 };
  private readonly broker: Broker;
  private readonly cleaning: Cleaning;
  private waiting: RewrittenSegments[] = [];

  constructor(broker: Broker, cleaning: Cleaning) {
    this.broker = broker;
    this.cleaning = cleaning;
  }

  async take(rewritten: RewrittenSegments): Promise<'applied' | 'refused' | 'unknown'> {
    const before = this.waiting;
    const writes = [...before, rewritten].reduce((sum, one) => sum + writesOf(one), 0);
    if (writes <= limits.segmentWritesMax) {
      before.push(rewritten);
      return 'applied';
    }
    this.waiting = [rewritten];
    return this.commit(before);
  }

  /** `dirtyFrom`: where a complete pass ended. */
  async finish(dirtyFrom: number | undefined): Promise<'applied' | 'refused' | 'unknown'> {
    const last = this.waiting;
    if (last.length === 0 && dirtyFrom === undefined) return 'applied';
    this.waiting = [];
    return this.commit(last, dirtyFrom);
  }

  /** What was not committed. */
  async discard(): Promise<void> {
    await discardObjects(
      this.broker,
      this.waiting.flatMap(({ objects }) => objects),
    );
  }

  /**
   * On the condition of the newest version there is: a pass takes long, and others merge pages meanwhile. What it depends on
   * is that the segments which it replaces are still there, each of which is a condition by itself; those that it left
   * alone may be other ones by now, from which something has gone.
   */
  private async commit(
    rewritten: readonly RewrittenSegments[],
    dirtyFrom?: number,
  ): Promise<'applied' | 'refused' | 'unknown'> {
    const { broker } = this;
    const { topic, partition } = this.cleaning;
    const { ledger, slot } = ledgerOf(topic, partition);
    const lifecycle = await lifecycleOf(broker, ledger);
    const objects = rewritten.flatMap((one) => one.objects);
    if (lifecycle.version === 0 || objects.some(({ birthMs }) => birthMs <= lifecycle.swept)) {
      await discardObjects(broker, objects);
      return 'refused';
    }
    const progress = dirtyFrom === undefined ? [] : [[slot, { dirtyFrom, atMs: broker.clock.now() }] as const];
    const { outcome } = await replaceSegments(broker, { ledger, lifecycle, rewritten, progress: new Map(progress) });
    if (outcome !== 'applied') return outcome;
    broker.segments.forget({ topicId: topic.topicId, partition });
    for (const { remove, add, records } of rewritten) {
      this.sums.segments += remove.length;
      this.sums.records += records;
      this.sums.bytes += bytesOf(remove) - bytesOf(add);
    }
    return 'applied';
  }
}

function bytesOf(segments: readonly SegmentItem[]): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

export async function lifecycleOf({ metadata }: Broker, ledger: LedgerId): Promise<Lifecycle> {
  return decodeLifecycle(await metadata.get(lifecycleKey(ledger), 'strong'));
}
