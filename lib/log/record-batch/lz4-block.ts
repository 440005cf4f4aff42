/**
 * LZ4's block format (lz4/lz4, doc/lz4_Block_format.md): a block is a run of sequences, each
 *
 *   token    high four bits: number of literals, low four: length of the match − 4; 15 says that bytes follow which
 *            are added to it, as long as they are 255
 *   literals
 *   offset   2 bytes, little-endian: how far back the match lies
 *
 * and the last has literals only. For the sake of old decoders the last 5 bytes are literals and no match starts in the
 * last 12.
 */
import { corruptStream } from './compression.ts';
import { copyBytes, copyWithin, findMatches } from './match-finder.ts';

const MATCH_MIN = 4;
const LAST_LITERALS = 5;
const LAST_MATCH_START = 12;

/** The most that a block of `length` original bytes takes. */
export function lz4BlockBytesMax(length: number): number {
  return length + Math.floor(length / 255) + 16;
}

/** Compresses `source` from `start` to `end`, at most 64 KiB, on its own. Returns the position after it in `target`. */
export function lz4CompressBlock(
  source: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  target: Uint8Array,
  position: number,
): number {
  let at = position;
  const sink = {
    match(literalsStart: number, matchStart: number, length: number, offset: number): void {
      const literals = matchStart - literalsStart;
      const extra = length - MATCH_MIN;
      target[at++] = (Math.min(literals, 15) << 4) | Math.min(extra, 15);
      at = writeLength(target, at, literals);
      copyBytes(source, literalsStart, target, at, literals);
      at += literals;
      target[at++] = offset & 0xff;
      target[at++] = offset >>> 8;
      at = writeLength(target, at, extra);
    },
  };
  const bounds = { start, lastStart: end - LAST_MATCH_START, matchEnd: end - LAST_LITERALS };
  const rest = findMatches(source, view, bounds, sink);
  const literals = end - rest;
  target[at++] = Math.min(literals, 15) << 4;
  at = writeLength(target, at, literals);
  copyBytes(source, rest, target, at, literals);
  return at + literals;
}

function writeLength(target: Uint8Array, position: number, length: number): number {
  if (length < 15) return position;
  let at = position;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) target[at++] = 255;
  target[at++] = rest;
  return at;
}

/**
 * Inflates the block between `start` and `end` of `source` into `target` at `position`, and returns the position after
 * it. Matches reach back to `windowStart`. Beyond `targetEnd` the block is refused: as too large where that is the
 * caller's limit, as corrupt where it is the frame's.
 */
export function lz4DecompressBlock(
  block: { source: Uint8Array; start: number; end: number },
  into: { target: Uint8Array; position: number; windowStart: number; targetEnd: number },
): number {
  const { source, end } = block;
  const { target, windowStart, targetEnd } = into;
  let position = block.start;
  let at = into.position;
  for (;;) {
    if (position >= end) throw endsEarly(position);
    const token = source[position++] as number;
    let literals = token >>> 4;
    if (literals === 15) {
      let byte: number;
      do {
        if (position >= end) throw endsEarly(position);
        byte = source[position++] as number;
        literals += byte;
      } while (byte === 255);
    }
    if (literals > end - position) throw endsEarly(position);
    if (literals > targetEnd - at) throw new Lz4OverflowError();
    copyBytes(source, position, target, at, literals);
    position += literals;
    at += literals;
    if (position === end) return at;

    if (end - position < 2) throw endsEarly(position);
    const offset = (source[position] as number) | ((source[position + 1] as number) << 8);
    position += 2;
    let length = (token & 15) + MATCH_MIN;
    if (length === 15 + MATCH_MIN) {
      let byte: number;
      do {
        if (position >= end) throw endsEarly(position);
        byte = source[position++] as number;
        length += byte;
      } while (byte === 255);
    }
    if (offset === 0 || offset > at - windowStart) {
      throw corruptStream('lz4', `the match before byte ${position} reaches back ${offset} bytes`);
    }
    if (length > targetEnd - at) throw new Lz4OverflowError();
    copyWithin(target, at, offset, length);
    at += length;
  }
}

/** Thrown where a block would inflate beyond the end it was given; the frame's reader knows whose limit that was. */
export class Lz4OverflowError extends Error {
  override readonly name = 'Lz4OverflowError';
}

function endsEarly(position: number): Error {
  return corruptStream('lz4', `a block ends inside the sequence at byte ${position}`);
}
