/**
 * What the LZ77 compressors of this folder (snappy, lz4) share: finding where four bytes have occurred before. Greedy,
 * one candidate per hash, and the longer nothing matches the larger the steps, so that incompressible bytes pass fast.
 */

const HASH_BITS = 13;

/** One for the process: compression is synchronous, and each block clears it before use. */
const table = new Int32Array(1 << HASH_BITS);

export interface MatchSink {
  /**
   * `source` from `literalsStart` to `start` did not match; the `length` bytes from `start` are those `offset` back.
   */
  match(literalsStart: number, start: number, length: number, offset: number): void;
}

/**
 * Reports the matches of one block, in order and without overlap, at least 4 bytes each, reaching back no further than
 * the block's start. None starts after `lastStart` or goes beyond `matchEnd`. Returns where the literals that are left
 * begin. `view` is of `source`; blocks are at most 64 KiB, which is also what offsets of 16 bits reach.
 */
export function findMatches(
  source: Uint8Array,
  view: DataView,
  block: { start: number; lastStart: number; matchEnd: number },
  sink: MatchSink,
): number {
  const { start: blockStart, lastStart, matchEnd } = block;
  table.fill(blockStart);
  let literalsStart = blockStart;
  // A cleared table points to the block's first byte, which can match like any other but has nothing before it.
  let position = blockStart + 1;
  let misses = 32;
  while (position <= lastStart) {
    const word = view.getInt32(position, true);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    const candidate = table[slot] as number;
    table[slot] = position;
    if (view.getInt32(candidate, true) !== word) {
      position += misses++ >>> 5;
      continue;
    }
    const end = endOfMatch(source, candidate + 4, position + 4, matchEnd);
    sink.match(literalsStart, position, end - position, position - candidate);
    literalsStart = end;
    position = end;
    misses = 32;
    // The bytes just before the next search are likely to come again.
    if (end - 2 <= lastStart) {
      table[Math.imul(view.getInt32(end - 2, true), 0x9e3779b1) >>> (32 - HASH_BITS)] = end - 2;
    }
  }
  return literalsStart;
}

function endOfMatch(source: Uint8Array, from: number, position: number, end: number): number {
  let candidate = from;
  let at = position;
  while (at < end && source[at] === source[candidate]) {
    at++;
    candidate++;
  }
  return at;
}

/** Copies bytes from one array to another; for the few of most literals a loop is faster than the call. */
export function copyBytes(source: Uint8Array, start: number, target: Uint8Array, at: number, length: number): void {
  if (length > 32) target.set(source.subarray(start, start + length), at);
  else for (let index = 0; index < length; index++) target[at + index] = source[start + index] as number;
}

/** Repeats what lies `offset` bytes back, `length` bytes of it; where they overlap the copy feeds on itself. */
export function copyWithin(target: Uint8Array, at: number, offset: number, length: number): void {
  if (length <= 32) {
    for (let index = at; index < at + length; index++) target[index] = target[index - offset] as number;
    return;
  }
  // Each step doubles what there is to copy from; without overlap the first does it all.
  for (let copied = 0, period = offset; copied < length; period += period) {
    const part = Math.min(period, length - copied);
    target.copyWithin(at + copied, at + copied - period, at + copied - period + part);
    copied += part;
  }
}
