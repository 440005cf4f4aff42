/**
 * Rewrites neighbouring segments of a partition batch by batch, for compaction and for erasure. A segment of which no
 * batch changes stays as it is, and nothing is written of it. Neighbours that change become new segments together,
 * which cover the same offsets, so that what is left of many small ones is one.
 *
 * Neighbours that are many, large or slow to read are handed out in several groups, so that the first ones can be
 * committed long before the sweeper takes their objects for orphans.
 *
 * In memory are a few pieces of what is read and what an upload keeps, whatever the segments' size.
 */
import { releaseBytes } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { LedgerId, ObjectId } from '../../kernel/ids.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Lifecycle } from '../../log/merged/lifecycle-item.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { segmentTargetBytes } from '../../log/merged/topic-policy.ts';
import { type BatchHeader, batchHeaders } from '../../log/record-batch/header.ts';
import type { Rewrite } from '../../log/record-batch/rewrite.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { ObjectStore } from '../../storage/objects/port.ts';
import type { Broker } from '../broker.ts';
import { replicasOf } from '../ledger/replicated.ts';
import { readOrder } from '../read/visible.ts';
import { discardObjects } from './commit-segments.ts';
import { readSegment, unreadable } from './read-segment.ts';
import { SegmentWriter } from './segment-writer.ts';

export interface SegmentsRewriting {
  topic: Topic;
  ledger: LedgerId;
  /** Of one partition, in the order of their offsets and without gaps. */
  segments: readonly SegmentItem[];
  /** As it was read before the segments. */
  head: LedgerHead;
  /**
   * On the version of which the next group is to be committed, and no other: its objects say that they were made from
   * it. All that was handed out before is committed or given up when it is asked for.
   */
  lifecycle: () => Lifecycle;
  /** `header`'s batch, all of which is in `bytes`. */
  rewrite: (bytes: Uint8Array, header: BatchHeader) => Rewrite;
  /** Whether what is left of the segment is compacted. */
  isCompacted: (segment: SegmentItem) => boolean;
  /** Ends it before the next segment. */
  signal?: AbortSignal;
}

/** Neighbours, and what is to take their place. It is stored, and nothing refers to it yet. */
export interface RewrittenSegments {
  /** At most `mergingLimits.segmentWritesMax` together. */
  remove: readonly SegmentItem[];
  add: readonly SegmentItem[];
  /** Those of `add`. */
  objects: readonly ObjectId[];
  /** How many are not in `add` any more. */
  records: number;
}

/**
 * Oldest first. What has been handed out is the caller's to commit or to discard; where this ends early or fails, the
 * rest is let go. Throws `CORRUPT_MESSAGE`, with the offsets that it is about, where a segment cannot be read, and
 * retriable errors where storage fails.
 */
export async function* rewriteSegments(
  broker: Broker,
  rewriting: SegmentsRewriting,
): AsyncGenerator<RewrittenSegments> {
  const objects = broker.objects.reading(readOrder(rewriting.head, undefined) ?? {});
  const { segments, isCompacted, signal } = rewriting;
  const bytesMax = Math.max(segmentTargetBytes(rewriting.topic.config), ...segments.map(({ bytes }) => bytes));
  let run: Run | undefined;
  try {
    for (const segment of segments) {
      if (signal?.aborted === true) break;
      if (run !== undefined && (run.compacted !== isCompacted(segment) || run.isFull)) {
        yield await run.finish();
        run = undefined;
      }
      const writerOf = () => {
        run ??= new Run(broker.clock, newWriter(broker, rewriting, segment, bytesMax), isCompacted(segment));
        return run.writer;
      };
      if (await rewriteSegment(objects, { segment, rewrite: rewriting.rewrite, writerOf })) {
        run?.remove.push(segment);
      } else if (run !== undefined) {
        yield await run.finish();
        run = undefined;
      }
    }
    if (run !== undefined) yield await run.finish();
  } finally {
    if (run !== undefined && !run.finished) {
      await run.writer.abort();
      await discardObjects(broker, run.writer.objects);
    }
  }
}

/** The transaction's writes that the segments of one more may take: its own item, and as many as its records fit in. */
const WRITES_PER_SEGMENT = 4;

/** Neighbours that change. */
class Run {
  readonly writer: SegmentWriter;
  readonly compacted: boolean;
  readonly remove: SegmentItem[] = [];
  finished = false;
  private readonly clock: Clock;
  private readonly begunMs: number;

  constructor(clock: Clock, writer: SegmentWriter, compacted: boolean) {
    this.clock = clock;
    this.begunMs = clock.monotonic();
    this.writer = writer;
    this.compacted = compacted;
  }

  get isFull(): boolean {
    const writes = this.remove.length + this.writer.segments.length + 1 + WRITES_PER_SEGMENT;
    const bytes = this.remove.reduce((sum, segment) => sum + segment.bytes, 0);
    const { segmentWritesMax, rewriteBytesMax, rewriteMsMax } = mergingLimits;
    const isLate = this.clock.monotonic() - this.begunMs >= rewriteMsMax;
    return writes > segmentWritesMax || bytes >= rewriteBytesMax || isLate;
  }

  async finish(): Promise<RewrittenSegments> {
    const { remove, writer } = this;
    const add = await writer.finish((remove.at(-1) as SegmentItem).end);
    this.finished = true;
    return { remove, add, objects: writer.objects, records: recordsIn(remove) - recordsIn(add) };
  }
}

function recordsIn(segments: readonly SegmentItem[]): number {
  return segments.reduce((sum, { records }) => sum + records, 0);
}

function newWriter(
  broker: Broker,
  { topic, head, lifecycle: current, isCompacted }: SegmentsRewriting,
  first: SegmentItem,
  bytesMax: number,
): SegmentWriter {
  const replicas = replicasOf(head);
  const lifecycle = current();
  return new SegmentWriter(broker, {
    identity: {
      topicId: topic.topicId,
      topic: topic.name,
      partition: first.partition,
      level: first.level,
      version: lifecycle.version,
      ...(isCompacted(first) && { compacted: true }),
    },
    base: first.base,
    bytesMax,
    sweptMs: lifecycle.swept,
    ...(replicas !== undefined && { replicas }),
  });
}

const PIECES = { pieceBytes: mergingLimits.segmentRewriteReadBytes };

interface SegmentRewriting {
  segment: SegmentItem;
  rewrite: SegmentsRewriting['rewrite'];
  writerOf: () => SegmentWriter;
}

/** Whether any of its batches changes; only then there is something written. */
async function rewriteSegment(
  objects: Pick<ObjectStore, 'getRange'>,
  { segment, rewrite, writerOf }: SegmentRewriting,
): Promise<boolean> {
  let writer: SegmentWriter | undefined;
  for await (const { position, bytes } of readSegment(objects, segment, PIECES)) {
    let copied = 0;
    for (const header of batchHeaders(bytes)) {
      const rewritten = unreadable(segment, () => rewrite(bytes, header));
      if (rewritten.kind === 'unchanged') continue;
      if (writer === undefined) {
        writer = writerOf();
        await copyBefore(objects, { segment, position, writer });
      }
      if (header.position > copied) await writer.write(bytes.subarray(copied, header.position));
      if (rewritten.kind === 'rewritten') {
        await writer.write(rewritten.batch);
        releaseBytes(rewritten.batch);
      }
      copied = header.position + header.sizeBytes;
    }
    if (writer !== undefined && copied < bytes.length) await writer.write(bytes.subarray(copied));
  }
  return writer !== undefined;
}

/**
 * What came before the first batch that changed: it is read once more, so that nothing is written where nothing
 * changes.
 */
async function copyBefore(
  objects: Pick<ObjectStore, 'getRange'>,
  { segment, position, writer }: { segment: SegmentItem; position: number; writer: SegmentWriter },
): Promise<void> {
  if (position === 0) return;
  for await (const piece of readSegment(objects, segment, PIECES)) {
    if (piece.position >= position) return;
    await writer.write(piece.bytes);
  }
}
