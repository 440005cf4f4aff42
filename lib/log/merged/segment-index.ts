/**
 * The index of a merged segment: its batches in blocks of about 64 KiB, each ending where a batch ends. A block is the
 * least that is read, and has its own checksum.
 */
import { crc32c } from '../../kernel/crc32c.ts';
import { MillraceError } from '../../kernel/errors.ts';

export interface SegmentBlock {
  /** The offset of its first batch. */
  base: number;
  /** One past the last offset of its last batch. After a compaction the next block may begin later. */
  end: number;
  /** Of its first byte in the object. */
  position: number;
  bytes: number;
  /** The newest record timestamp in it and all blocks before it; −1 where none has one. */
  newestMs: number;
  crc32c: number;
}

/**
 * The number of the first block that has offsets at or above this one: the block that it is in, or the next one after a
 * gap.
 */
export function blockFor(blocks: readonly SegmentBlock[], offset: number): number | undefined {
  return firstWhere(blocks, ({ end }) => end > offset);
}

/** The number of the block with the first batch that has a record at or after the time. */
export function blockSince(blocks: readonly SegmentBlock[], timestampMs: number): number | undefined {
  return firstWhere(blocks, ({ newestMs }) => newestMs >= timestampMs);
}

/** By halving: once it holds for a block it holds for all after it. */
function firstWhere(blocks: readonly SegmentBlock[], holds: (block: SegmentBlock) => boolean): number | undefined {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(blocks[middle] as SegmentBlock)) high = middle;
    else low = middle + 1;
  }
  return low < blocks.length ? low : undefined;
}

/**
 * The neighbouring blocks with the offsets from `from` to `to` (exclusive, by default all), as many as have at most
 * `bytesMax` together but at least one. Empty where there are no such offsets.
 */
export function blocksBetween(
  blocks: readonly SegmentBlock[],
  { from, to = Number.MAX_SAFE_INTEGER, bytesMax }: { from: number; to?: number; bytesMax: number },
): readonly SegmentBlock[] {
  const first = blockFor(blocks, from);
  if (first === undefined || (blocks[first] as SegmentBlock).base >= to) return [];
  const end = (blocks[first] as SegmentBlock).position + bytesMax;
  const after = blocks.findIndex((block, n) => n > first && (block.base >= to || block.position + block.bytes > end));
  return blocks.slice(first, after < 0 ? blocks.length : after);
}

/** Refuses bytes that are not those of the block. `name`: the object's, for whoever has to look for it. */
export function checkBlock(bytes: Uint8Array, block: SegmentBlock, name: string): void {
  if (bytes.length === block.bytes && crc32c(bytes) === block.crc32c) return;
  const reason =
    bytes.length === block.bytes
      ? `do not match their checksum`
      : `are ${bytes.length}, the index says ${block.bytes}: the object is cut`;
  throw new MillraceError(
    'CORRUPT_MESSAGE',
    `The object ${name} is damaged: the bytes from ${block.position} on, with the offsets ${block.base} to ${block.end - 1}, ${reason}.`,
  );
}
