/**
 * The two writes that change which segments a ledger has: pages become segments, and segments become other ones or
 * none.
 *
 * Each is one transaction on the condition of `lifecycle.v`, which it raises: of two steps that were planned from the
 * same state one is refused, whatever they do. A step that is applied late is refused as well, also when the topic is
 * deleted meanwhile: merging needs the head, replacing the lifecycle item, and the deletion takes both away in one
 * transaction.
 *
 * A new object must have been born after `lifecycle.w`, or else the sweeper has given it up. One that merely gets
 * another item is referred to before and after, so that neither the sweeper nor whoever deletes what is condemned can
 * take it.
 */
import { assert } from '../../kernel/assert.ts';
import { type LedgerId, objectIdText } from '../../kernel/ids.ts';
import type { Changes, Condition, Write } from '../../kernel/items.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { headKey, type LedgerHead, MERGED_ATTRIBUTE } from '../ledger/head.ts';
import { type CondemnedAt, condemnedKey, encodeCondemned } from './condemned-item.ts';
import { type CompactionProgress, compactionChanges, type Lifecycle, lifecycleKey } from './lifecycle-item.ts';
import { packMarks, withMark } from './marks.ts';
import { encodeSegmentItem, packObjectId, type SegmentItem, segmentKey } from './segment-item.ts';
import { unchanged } from './unchanged.ts';

export interface Merge {
  /** Pages below are merged when it is applied; the first one that is not yet is `head.merged`. */
  to: number;
  /** What the pages' records are in, of any of the ledger's partitions. */
  segments: readonly SegmentItem[];
  nowMs: number;
}

/**
 * The writes are of the head, of `lifecycle`, and of the segments, in this order. A refusal by the head says that
 * someone else has merged, that the topic is deleted, or that a replicated ledger's in-sync set has changed.
 */
export function planMerge(ledger: LedgerId, head: LedgerHead, lifecycle: Lifecycle, merge: Merge): Write[] {
  const { to, segments, nowMs } = merge;
  assert(to > head.merged && to <= head.sealed, `pages ${head.merged} to ${to} of ${head.sealed} can be merged`);
  assert(segments.length <= mergingLimits.segmentWritesMax, `${segments.length} segments in one merge`);
  const conditions: Condition[] = [{ clause: 'item-exists' }, unchanged(MERGED_ATTRIBUTE, head.merged)];
  if (head.replication !== undefined) conditions.push({ clause: 'equals', attribute: 'i', value: head.isrVersion });
  return [
    {
      kind: 'update',
      key: headKey(ledger),
      changes: { set: { [MERGED_ATTRIBUTE]: to }, add: { v: 1 } },
      conditions,
    },
    nextVersion(ledger, lifecycle, segments, { set: { k: packMarks(withMark(lifecycle.marks, to, nowMs)) } }),
    ...segments.map(
      (segment): Write => ({
        kind: 'put',
        key: segmentKey(ledger.topicId, segment),
        attributes: encodeSegmentItem(segment),
        conditions: [{ clause: 'item-absent' }],
      }),
    ),
  ];
}

export interface Replacement {
  /** Of any of the ledger's partitions. */
  remove: readonly SegmentItem[];
  /**
   * They cover what those of the same partition cover that are removed; or there are none, where records are deleted.
   */
  add: readonly SegmentItem[];
  /** When the objects that are no longer referred to are condemned. */
  condemned: CondemnedAt;
  /** Of slots that were compacted. */
  progress?: ReadonlyMap<number, CompactionProgress>;
}

/** The writes are of `lifecycle`, of the condemned item where objects go, and of the segments, in this order. */
export function planReplace(ledger: LedgerId, lifecycle: Lifecycle, replacement: Replacement): Write[] {
  const { remove, add, condemned, progress } = replacement;
  assert(lifecycle.version > 0, 'a ledger that has segments has a lifecycle item');
  assert(
    remove.length + add.length <= mergingLimits.segmentWritesMax,
    `${remove.length + add.length} segments in one step`,
  );
  checkCover(remove, add);
  const going = objectsBut(remove, add);
  const writes = [nextVersion(ledger, lifecycle, objectsBut(add, remove), compactionChanges(progress ?? new Map()))];
  if (going.length > 0) {
    writes.push({
      kind: 'put',
      key: condemnedKey(ledger, condemned),
      attributes: encodeCondemned(going.map(({ object }) => ({ tier: 'merged', object }))),
      conditions: [{ clause: 'item-absent' }],
    });
  }
  return [...writes, ...segmentWrites(ledger, remove, add)];
}

/** An added segment that begins where a removed one does takes its item over. */
function segmentWrites(ledger: LedgerId, remove: readonly SegmentItem[], add: readonly SegmentItem[]): Write[] {
  const removed = new Map(remove.map((segment) => [placeOf(segment), segment]));
  const taken = new Set(add.map(placeOf));
  const puts = add.map((segment): Write => {
    const before = removed.get(placeOf(segment));
    const conditions: Condition[] = before === undefined ? [{ clause: 'item-absent' }] : [stillOf(before)];
    return {
      kind: 'put',
      key: segmentKey(ledger.topicId, segment),
      attributes: encodeSegmentItem(segment),
      conditions,
    };
  });
  const deletes = remove
    .filter((segment) => !taken.has(placeOf(segment)))
    .map(
      (segment): Write => ({
        kind: 'delete',
        key: segmentKey(ledger.topicId, segment),
        conditions: [stillOf(segment)],
      }),
    );
  return [...puts, ...deletes];
}

function stillOf({ object }: SegmentItem): Condition {
  return { clause: 'equals', attribute: 'o', value: packObjectId(object) };
}

function placeOf({ partition, base }: SegmentItem): string {
  return `${partition}/${base}`;
}

/** `v` + 1, if it is what it was and the new segments' objects have not been given up. */
function nextVersion(ledger: LedgerId, lifecycle: Lifecycle, added: readonly SegmentItem[], changes: Changes): Write {
  const { version, swept } = lifecycle;
  const conditions = [unchanged('v', version)];
  if (added.length > 0) {
    const birthMs = Math.min(...added.map(({ object }) => object.birthMs));
    assert(birthMs > swept, `objects born at ${birthMs} were given up, swept is ${swept}`);
    // The fence may rise after it was read; where there was none, any new one refuses the write.
    conditions.push(swept === 0 ? unchanged('w', 0) : { clause: 'less', attribute: 'w', value: birthMs });
  }
  return { kind: 'update', key: lifecycleKey(ledger), changes: { ...changes, add: { v: 1 } }, conditions };
}

/** Those of the segments whose object none of the others is in. */
function objectsBut(segments: readonly SegmentItem[], others: readonly SegmentItem[]): SegmentItem[] {
  const kept = new Set(others.map(({ object }) => objectIdText(object)));
  return segments.filter(({ object }) => !kept.has(objectIdText(object)));
}

/** A gap or an overlap would be a hole in the log, or records twice. */
function checkCover(remove: readonly SegmentItem[], add: readonly SegmentItem[]): void {
  const [before, after] = [coverage(remove), coverage(add)];
  for (const [partition, covered] of after) {
    const was = before.get(partition);
    assert(was === covered, `segments of ${partition} from ${covered} replace those from ${was}`);
  }
}

/** By partition, the stretches that its segments cover without gaps: `0 to 10, 40 to 60`. */
function coverage(segments: readonly SegmentItem[]): Map<number, string> {
  const inOrder = Map.groupBy(
    [...segments].sort((a, b) => a.base - b.base),
    ({ partition }) => partition,
  );
  const covered = new Map<number, string>();
  for (const [partition, own] of inOrder) {
    const stretches: { base: number; end: number }[] = [];
    for (const { base, end } of own) {
      const last = stretches.at(-1);
      assert(
        last === undefined || last.end <= base,
        `a segment of ${partition} at ${base} overlaps one to ${last?.end}`,
      );
      if (last?.end === base) last.end = end;
      else stretches.push({ base, end });
    }
    covered.set(partition, stretches.map(({ base, end }) => `${base} to ${end}`).join(', '));
  }
  return covered;
}
