/**
 * Which neighbouring segments of a partition to merge into one, so that there are few large ones and no byte is
 * rewritten often.
 *
 * A segment of more than half the target is full and stays as it is. Of the others, eight neighbours of one level make
 * one of the next level; fewer do where one more would be too much, and then it is full. Nothing is ever added to those
 * that are left before a full one: they are merged whatever their levels are, and what comes of them is full or by
 * itself.
 *
 * So a segment of level n has at least 8^(n − 1) in it that came from pages, which bounds how often its bytes were
 * written; and when nothing is left to do, between two full ones there is at most one that is not, and behind the last
 * one there are at most seven of each level.
 */
import { mergingLimits } from '../../kernel/limits/merging.ts';
import type { SegmentItem } from './segment-item.ts';

export interface SegmentMerge {
  segments: readonly SegmentItem[];
  /** Of the segment that they become. */
  level: number;
}

/**
 * The next merge of segments, which are all of a partition or some of them in the order of their offsets; `undefined`
 * where there is none. Never over a gap, and never of segments in another storage class than the bucket's standard.
 * What was compacted is merged with what was not: compaction leaves small ones alone in which nothing changes, between
 * others.
 */
export function proposeSegmentMerge(
  segments: readonly SegmentItem[],
  { targetBytes }: { targetBytes: number },
): SegmentMerge | undefined {
  for (const { members, closed } of stretches(segments, targetBytes)) {
    const chosen = closed
      ? fitting(members, targetBytes, mergingLimits.segmentWritesMax - 1)
      : nextOfLevel(members, targetBytes);
    if (chosen.length > 1) return { segments: chosen, level: Math.max(...chosen.map(({ level }) => level)) + 1 };
  }
  return undefined;
}

interface Stretch {
  members: SegmentItem[];
  /** Right before a segment that is not merged any more. */
  closed: boolean;
}

/** The neighbours that may be merged with each other. */
function stretches(segments: readonly SegmentItem[], targetBytes: number): Stretch[] {
  const found: Stretch[] = [];
  let current: Stretch | undefined;
  for (const segment of segments) {
    const last = current?.members.at(-1);
    const follows = last !== undefined && last.end === segment.base;
    if (segment.bytes > targetBytes / 2 || segment.storageClass !== undefined) {
      if (current !== undefined && follows) current.closed = true;
      current = undefined;
    } else if (current !== undefined && follows) {
      current.members.push(segment);
    } else {
      current = { members: [segment], closed: false };
      found.push(current);
    }
  }
  return found;
}

/**
 * The first ones of a level that are as many as make one of the next, or as much as fits; empty where there are none.
 */
function nextOfLevel(members: readonly SegmentItem[], targetBytes: number): readonly SegmentItem[] {
  for (let start = 0; start < members.length; ) {
    const { level } = members[start] as SegmentItem;
    const after = members.findIndex((segment, n) => n > start && segment.level !== level);
    const end = after < 0 ? members.length : after;
    const chosen = fitting(members.slice(start, end), targetBytes, mergingLimits.segmentMergeFanIn);
    if (chosen.length === mergingLimits.segmentMergeFanIn || chosen.length < end - start) return chosen;
    start = end;
  }
  return [];
}

/** The first ones that have at most `targetBytes` together, at most `countMax` of them. */
function fitting(members: readonly SegmentItem[], targetBytes: number, countMax: number): readonly SegmentItem[] {
  let count = 0;
  let bytes = 0;
  for (const segment of members.slice(0, countMax)) {
    bytes += segment.bytes;
    if (bytes > targetBytes) break;
    count++;
  }
  return members.slice(0, count);
}
