/**
 * Marks say when merging had come how far, so that pages go only when everybody who may still read them has had a grace
 * to look again.
 *
 * There are few of them, and they err to the safe side: their times are rounded up to the next sixth of a grace, so
 * that one stands for all merging of that time, and those that a newer one makes needless are dropped. So pages go at
 * most a sixth of a grace later than they could.
 *
 * Packed: for each mark, oldest first, pages varint | time u48 (ms).
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter } from '../../kernel/bytes.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';

/** At this time pages 0 … pages − 1 were merged. */
export interface Mark {
  pages: number;
  atMs: number;
}

export function packMarks(marks: readonly Mark[]): Uint8Array {
  const writer = new ByteWriter(marks.length * 14);
  for (const { pages, atMs } of marks) writer.unsignedVarint(pages).u48(atMs);
  return writer.finish();
}

export function unpackMarks(packed: Uint8Array): Mark[] {
  const marks: Mark[] = [];
  for (const reader = new ByteReader(packed); reader.remaining > 0; ) {
    marks.push({ pages: reader.unsignedVarint(), atMs: reader.u48() });
  }
  return marks;
}

/**
 * Marks are this far apart: those of a grace, one from before it and one that is yet to come are as many as there can
 * be.
 */
const SPACING_MS = Math.ceil(mergingLimits.lifecycleGraceMs / (mergingLimits.lifecycleMarksMax - 2));

/** The marks with one more, at most `lifecycleMarksMax`. */
export function withMark(marks: readonly Mark[], pages: number, nowMs: number): Mark[] {
  assert(pages >= (marks.at(-1)?.pages ?? 0), `${pages} merged pages after ${marks.at(-1)?.pages}`);
  const atMs = Math.ceil(nowMs / SPACING_MS) * SPACING_MS;
  // What a clock said that was ahead would otherwise keep pages for as long as it was.
  const known = marks.map((mark) => ({ ...mark, atMs: Math.min(mark.atMs, atMs) }));
  const needed = known.slice(
    Math.max(
      0,
      known.findLastIndex((mark) => isPast(mark.atMs, nowMs)),
    ),
  );
  return [...needed.filter((mark) => mark.atMs < atMs), { pages, atMs }].slice(-mergingLimits.lifecycleMarksMax);
}

/** How many pages have been merged for a grace or longer. */
export function pagesMergedForGrace(marks: readonly Mark[], nowMs: number): number {
  return marks.findLast(({ atMs }) => isPast(atMs, nowMs))?.pages ?? 0;
}

function isPast(atMs: number, nowMs: number): boolean {
  return atMs <= nowMs - mergingLimits.lifecycleGraceMs;
}
