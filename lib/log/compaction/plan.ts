/**
 * Which offsets of a partition are to be compacted now, as Kafka decides it (LogCleanerManager; KIP-58, KIP-354).
 *
 * Only merged segments are looked at. Pages and tail, where the newest records are, stand for what Kafka calls the
 * active segment and never compacts: so merging has to take in a compacted topic's pages before `max.compaction.lag.ms`
 * is over, as Kafka rolls the active segment early.
 *
 * Dirty is what no pass has had: the offsets from `dirtyFrom` on. Time is judged by whole segments and by their
 * records' timestamps. Where several things forbid or demand a compaction:
 *
 * - `min.compaction.lag.ms` always holds: the range ends where the first segment begins that has a younger record.
 * - `max.compaction.lag.ms` demands one as soon as any dirty record is older, however little is dirty.
 * - Otherwise the dirty bytes of that range must be more than `min.cleanable.dirty.ratio` of it and what is below it.
 *
 * A pass that has begun is brought to its end before anything else, and nothing more is demanded for it. Its range only
 * ever gets shorter, where a later step has less memory or time, or `min.compaction.lag.ms` has become longer: what was
 * cleaned with the keys of the longer range is clean by those of the shorter one.
 *
 * As in Kafka, tombstones whose time is over don't demand a compaction: they go with the next one.
 */
import type { CompactionPass } from '../merged/lifecycle-item.ts';
import type { SegmentItem } from '../merged/segment-item.ts';
import type { TopicConfigValues } from '../topic/config.ts';

/** What is looked at of a merged segment. */
export type CompactibleSegment = Pick<SegmentItem, 'base' | 'end' | 'bytes' | 'newestMs' | 'oldestMs'>;

export interface CompactionSituation {
  /** All of the partition, in order and without gaps. */
  segments: readonly CompactibleSegment[];
  logStartOffset: number;
  /** Where the last pass ended, as the ledger's lifecycle item has it; absent before the first. */
  dirtyFrom?: number;
  /** The one that has begun at `dirtyFrom`. */
  pass?: CompactionPass;
  nowMs: number;
  /** How many dirty bytes one pass takes on; one segment at least. */
  dirtyBytesMax: number;
}

export type CompactionConfig = Pick<
  TopicConfigValues,
  'min.compaction.lag.ms' | 'max.compaction.lag.ms' | 'min.cleanable.dirty.ratio'
>;

export type CompactionPlan = Backlog & (NothingDue | CleaningDue);

/** What no pass has had, however young it is. */
interface Backlog {
  dirtyBytes: number;
  /** Of all bytes. */
  dirtyRatio: number;
}

interface NothingDue {
  kind: 'nothing';
  why: 'nothing is dirty' | 'what is dirty is too young' | 'too little is dirty';
}

interface CleaningDue {
  kind: 'clean';
  why: 'enough is dirty' | 'a dirty record is too old' | 'a pass is under way';
  /** What the first reading goes over: the dirty offsets from here … */
  from: number;
  /** … up to here. The second reading goes over all segments that begin below, … */
  to: number;
  /** … but for those that end here or before, which an earlier step of the pass has cleaned. */
  cleanedTo: number;
}

export function planCompaction(situation: CompactionSituation, config: CompactionConfig): CompactionPlan {
  const segments = situation.segments.filter(({ end }) => end > situation.logStartOffset);
  const from = firstDirty(segments, situation);
  const [dirtyBytes, cleanBytes] = [
    bytesBetween(segments, from, Number.POSITIVE_INFINITY),
    bytesBetween(segments, 0, from),
  ];
  const dirtyRatio = dirtyBytes === 0 ? 0 : dirtyBytes / (dirtyBytes + cleanBytes);
  return { ...due(segments, from, situation, config), dirtyBytes, dirtyRatio };
}

function due(
  segments: readonly CompactibleSegment[],
  from: number,
  { nowMs, dirtyBytesMax, dirtyFrom = 0, pass }: CompactionSituation,
  config: CompactionConfig,
): NothingDue | CleaningDue {
  const dirty = segments.filter(({ end }) => end > from);
  if (dirty.length === 0) return { kind: 'nothing', why: 'nothing is dirty' };
  const cleanable = oldEnough(dirty, nowMs, config['min.compaction.lag.ms']);
  if (cleanable.length === 0) return { kind: 'nothing', why: 'what is dirty is too young' };
  if (pass !== undefined && pass.end > from && from >= dirtyFrom && pass.end <= endOf(dirty)) {
    const to = Math.min(pass.end, endOf(cleanable));
    return { kind: 'clean', why: 'a pass is under way', from, to, cleanedTo: pass.cleanedTo };
  }
  const range = { from, to: rangeEnd(cleanable, from, dirtyBytesMax), cleanedTo: 0 };
  if (hasOlderThan(dirty, nowMs - config['max.compaction.lag.ms'])) {
    return { kind: 'clean', why: 'a dirty record is too old', ...range };
  }
  const dirtyBytes = bytesBetween(cleanable, from, Number.POSITIVE_INFINITY);
  const cleanBytes = bytesBetween(segments, 0, from);
  if (dirtyBytes <= config['min.cleanable.dirty.ratio'] * (cleanBytes + dirtyBytes)) {
    return { kind: 'nothing', why: 'too little is dirty' };
  }
  return { kind: 'clean', why: 'enough is dirty', ...range };
}

/**
 * Where the log start has gone past the last pass's end, all that is left is dirty. A mark beyond the segments belongs
 * to another state of them, as after a restore: nothing is known then, and compacting what was compacted changes
 * nothing.
 */
function firstDirty(
  segments: readonly CompactibleSegment[],
  { dirtyFrom = 0, logStartOffset }: CompactionSituation,
): number {
  const mergedEnd = segments.at(-1)?.end ?? logStartOffset;
  return dirtyFrom < logStartOffset || dirtyFrom > mergedEnd ? logStartOffset : dirtyFrom;
}

function endOf(segments: readonly CompactibleSegment[]): number {
  return segments.at(-1)?.end ?? 0;
}

/**
 * The segments before the first that has a record younger than the lag; 0 makes none too young, whatever its clock
 * said.
 */
function oldEnough(
  segments: readonly CompactibleSegment[],
  nowMs: number,
  minCompactionLagMs: number,
): readonly CompactibleSegment[] {
  if (minCompactionLagMs <= 0) return segments;
  const tooYoung = segments.findIndex(({ newestMs = 0 }) => newestMs > nowMs - minCompactionLagMs);
  return tooYoung < 0 ? segments : segments.slice(0, tooYoung);
}

/** A timestamp of 0, or none, says nothing about age. */
function hasOlderThan(segments: readonly CompactibleSegment[], timeMs: number): boolean {
  return segments.some(({ oldestMs = 0 }) => oldestMs > 0 && oldestMs < timeMs);
}

/** The end of as many segments as are within the bound, and of one in any case. */
function rangeEnd(cleanable: readonly CompactibleSegment[], from: number, bytesMax: number): number {
  let to = from;
  let bytes = 0;
  for (const segment of cleanable) {
    bytes += bytesBetween([segment], from, Number.POSITIVE_INFINITY);
    if (bytes > bytesMax && to > from) break;
    to = segment.end;
  }
  return to;
}

/** The bytes of the offsets from `from` up to `to`; of a segment that a pass has had in part, in proportion. */
function bytesBetween(segments: readonly CompactibleSegment[], from: number, to: number): number {
  let sum = 0;
  for (const { base, end, bytes } of segments) {
    const offsets = Math.min(end, to) - Math.max(base, from);
    if (offsets > 0) sum += bytes * (offsets / (end - base));
  }
  return sum;
}
