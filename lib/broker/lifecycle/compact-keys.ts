/**
 * The first reading of a compaction: the newest offset of each key in the dirty range (lib/log/compaction). The range
 * ends where memory or time is used up, so that reading it again, for the next step of the pass, leaves time for
 * cleaning.
 */
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { keyMapBytes } from '../../log/compaction/key-map.ts';
import { NewestOffsets } from '../../log/compaction/newest-offsets.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { batchHeaders } from '../../log/record-batch/header.ts';
import type { Broker } from '../broker.ts';
import { readOrder } from '../read/visible.ts';
import { readSegment, unreadable } from './read-segment.ts';

export interface DirtyRange {
  head: LedgerHead;
  /** All of the partition. */
  segments: readonly SegmentItem[];
  from: number;
  to: number;
  keyBytesMax: number;
  rangeMsMax: number;
  signal?: AbortSignal;
}

/** `undefined`: it was told to stop. */
export async function findNewest(broker: Broker, range: DirtyRange): Promise<NewestOffsets | undefined> {
  const { head, from, to, keyBytesMax, rangeMsMax, signal } = range;
  const dirty = range.segments.filter(({ base, end }) => end > from && base < to);
  const records = dirty.reduce((sum, segment) => sum + segment.records, 0);
  // No more memory than all records need with a key each.
  const memoryBytes = Math.min(keyBytesMax, keyMapBytes(records + 1));
  const newest = new NewestOffsets({ from, to, memoryBytes, random: broker.random });
  const objects = broker.objects.reading(readOrder(head, undefined) ?? {});
  const lastMs = broker.clock.monotonic() + rangeMsMax;
  for (const segment of dirty) {
    const pieces = { from: Math.max(from, segment.base), pieceBytes: mergingLimits.segmentRewriteReadBytes };
    for await (const { bytes } of readSegment(objects, segment, pieces)) {
      if (signal?.aborted === true) return undefined;
      for (const header of batchHeaders(bytes)) {
        if (!unreadable(segment, () => newest.offer(bytes, header, broker.compression))) return newest;
      }
      if (broker.clock.monotonic() > lastMs && newest.end > from) return newest;
    }
    newest.reach(segment.end);
  }
  return newest;
}
