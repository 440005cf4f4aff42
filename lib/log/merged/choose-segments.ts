/**
 * Which of a partition's merged objects are its segments, where only the objects are left to say it (docs/fsck.md).
 *
 * Beside the segments there may be what was written in vain, and what was replaced and not deleted yet. If every object
 * is there and readable, then the segments are among the ways that lead from the log start to where merging has come
 * without gap or overlap. What lies on no such way is none of them; of two that overlap on such ways the one made from
 * the newer version of the ledger's segments is made from the other, and has what was left of it. Where that does not
 * decide, nothing is chosen: what was erased must not come back.
 *
 * If something is missing, ways prove nothing. Then all that overlaps counts, and more is left undecided.
 */
import type { SegmentItem } from './segment-item.ts';

/** An object that may be a segment, as its footer says. */
export interface FoundSegment {
  segment: SegmentItem;
  /** Of the ledger's segments that it was made from. */
  version: number;
  /** The same of two that have the same records in the same blocks. */
  contents: number;
}

interface Stretch {
  base: number;
  end: number;
}

export interface KnownOfPartition {
  /** Those that have their items; they are right. In the order of their offsets. */
  present: readonly SegmentItem[];
  /** Log start. */
  from: number;
  /** Where the pages begin that are not merged. */
  to: number;
  /** No object is missing or unreadable, as far as is known. */
  isWhole: boolean;
}

export interface ChosenSegments {
  /** In the order of their offsets. */
  chosen: readonly FoundSegment[];
  /** What neither they nor those present cover, with the objects between which nothing decides. */
  gaps: readonly (Stretch & { undecided: readonly FoundSegment[] })[];
}

export function chooseSegments(found: readonly FoundSegment[], known: KnownOfPartition): ChosenSegments {
  const { from, to, isWhole } = known;
  const present = known.present.filter(({ end }) => end > from).map(placedItem);
  const inRange = found.filter(({ segment }) => segment.end > from && segment.end <= to).map(placedFound);
  const free = withoutThoseBeside(inRange, present);
  const considered = withoutTwins(isWhole ? onWholeWays(free, { present, from, to }) : free);
  const single = withoutDisputed(considered);
  const chosen = inOrder(single).flatMap(({ found: one }) => (one === undefined ? [] : [one]));
  const gaps = gapsIn(inOrder([...present, ...single]), { from, to });
  return { chosen, gaps: gaps.map((gap) => ({ base: gap.base, end: gap.end, undecided: within(gap, free) })) };
}

function within({ base, end }: Stretch, pieces: readonly Placed[]): FoundSegment[] {
  return pieces.flatMap((piece) =>
    piece.found !== undefined && piece.base < end && piece.end > base ? [piece.found] : [],
  );
}

interface Placed extends Stretch {
  /** Absent: it has its item. */
  found?: FoundSegment;
}

function placedItem({ base, end }: SegmentItem): Placed {
  return { base, end };
}

function placedFound(found: FoundSegment): Placed {
  return { base: found.segment.base, end: found.segment.end, found };
}

function inOrder(pieces: readonly Placed[]): Placed[] {
  return [...pieces].sort((a, b) => a.base - b.base || a.end - b.end);
}

/** Those that lie on a way from `from` to `to`; all of them where there is no way. */
function onWholeWays(
  pieces: readonly Placed[],
  { present, from, to }: { present: readonly Placed[]; from: number; to: number },
): readonly Placed[] {
  const all = inOrder([...present, ...pieces]);
  const begins = ({ base }: Placed) => base <= from;
  const reached = new Set<number>();
  for (const piece of all) if (begins(piece) || reached.has(piece.base)) reached.add(piece.end);
  if (!reached.has(to)) return pieces;
  const leading = new Set([to]);
  for (const { base, end } of all.toSorted((a, b) => b.end - a.end)) if (leading.has(end)) leading.add(base);
  return pieces.filter((piece) => (begins(piece) || reached.has(piece.base)) && leading.has(piece.end));
}

function withoutThoseBeside(pieces: readonly Placed[], present: readonly Placed[]): Placed[] {
  const beside = new Set<Placed>();
  for (const [a, b] of overlaps([...pieces, ...present])) {
    if (a.found === undefined) beside.add(b);
    if (b.found === undefined) beside.add(a);
  }
  return pieces.filter((piece) => !beside.has(piece));
}

/** Those that nothing overlaps but what they may be made of. */
function withoutDisputed(pieces: readonly Placed[]): Placed[] {
  const disputed = new Set<Placed>();
  for (const [a, b] of overlaps(pieces)) {
    if (!mayBeMadeOf(a, b)) disputed.add(a);
    if (!mayBeMadeOf(b, a)) disputed.add(b);
  }
  return pieces.filter((piece) => !disputed.has(piece));
}

/** Nothing adds records: what one has of another's offsets is at most what the other has. */
function mayBeMadeOf(after: Placed, before: Placed): boolean {
  const [to, from] = [after.found as FoundSegment, before.found as FoundSegment];
  if (to.version <= from.version) return false;
  const shared = Math.min(after.end, before.end) - Math.max(after.base, before.base);
  const outside = after.end - after.base - shared;
  return to.segment.records - outside <= from.segment.records;
}

/** Of those that are the same but for their names the one that was born last. */
function withoutTwins(pieces: readonly Placed[]): Placed[] {
  const last = new Map<string, Placed>();
  for (const piece of pieces) {
    const { contents, version, segment } = piece.found as FoundSegment;
    const key = `${segment.base}/${segment.end}/${version}/${contents}`;
    const other = last.get(key)?.found?.segment.object.birthMs ?? -1;
    if (segment.object.birthMs > other) last.set(key, piece);
  }
  return [...last.values()];
}

/** All pairs that have offsets in common. */
function overlaps(pieces: readonly Placed[]): [Placed, Placed][] {
  const ordered = inOrder(pieces);
  const pairs: [Placed, Placed][] = [];
  for (const [index, piece] of ordered.entries()) {
    for (let other = index + 1; other < ordered.length; other++) {
      const behind = ordered[other] as Placed;
      if (behind.base >= piece.end) break;
      pairs.push([piece, behind]);
    }
  }
  return pairs;
}

function gapsIn(pieces: readonly Stretch[], { from, to }: { from: number; to: number }): Stretch[] {
  const gaps: Stretch[] = [];
  let reached = from;
  for (const { base, end } of pieces) {
    if (base > reached) gaps.push({ base: reached, end: base });
    reached = Math.max(reached, end);
  }
  if (reached < to) gaps.push({ base: reached, end: to });
  return gaps;
}
