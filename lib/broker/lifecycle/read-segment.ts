/**
 * All of a merged segment once, in order, for those that rewrite or look through partitions: some blocks at a time, the
 * next ones while the caller works. Unlike for readers (read/segment-reader.ts) nothing is kept, and every checksum is
 * checked.
 */
import { releaseBytes } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { readAhead } from '../../kernel/read-ahead.ts';
import { decodeSegmentFooter } from '../../log/merged/segment-footer.ts';
import { blocksBetween, checkBlock, type SegmentBlock } from '../../log/merged/segment-index.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { ObjectStore } from '../../storage/objects/port.ts';

/**
 * Whole batches. The bytes are gone when the next piece is asked for: collected later, they are most of a step's
 * memory.
 */
export interface SegmentPiece {
  /** Of its first byte in the object. */
  position: number;
  bytes: Uint8Array;
}

/**
 * From the block on that has the first batch at or above `from`; by default all of it. Throws `CORRUPT_MESSAGE` where
 * the object is not there or not what was stored, with the offsets that it is about; and where storage fails, what that
 * says.
 */
export async function* readSegment(
  objects: Pick<ObjectStore, 'getRange'>,
  segment: SegmentItem,
  { from = segment.base, pieceBytes = mergingLimits.segmentReadBytes }: { from?: number; pieceBytes?: number } = {},
): AsyncGenerator<SegmentPiece> {
  if (segment.bytes === 0) return;
  const name = objectName('merged', segment.object);
  const footer = await objects.getRange(name, {
    start: segment.bytes,
    end: segment.bytes + segment.footerBytes,
  });
  if (footer === undefined) throw missing(name, segment);
  const { blocks } = unreadable(segment, () => decodeSegmentFooter(footer));
  const bounds = {
    inFlightMax: mergingLimits.segmentReadsInFlightMax,
    bytesMax: mergingLimits.segmentReadsInFlightMax * pieceBytes,
    bytesOf: bytesOfBlocks,
  };
  const read = (some: readonly SegmentBlock[]) => {
    const start = positionOf(some);
    return objects.getRange(name, { start, end: start + bytesOfBlocks(some) });
  };
  for await (const { item, result: bytes } of readAhead(pieces(blocks, { from, pieceBytes }), bounds, read)) {
    if (bytes === undefined) throw missing(name, segment);
    const position = positionOf(item);
    for (const block of item) {
      checkBlock(bytes.subarray(block.position - position, block.position - position + block.bytes), block, name);
    }
    yield { position, bytes };
    releaseBytes(bytes);
  }
}

function* pieces(
  blocks: readonly SegmentBlock[],
  { from, pieceBytes }: { from: number; pieceBytes: number },
): Generator<readonly SegmentBlock[]> {
  for (let next = from; ; ) {
    const some = blocksBetween(blocks, { from: next, bytesMax: pieceBytes });
    const last = some.at(-1);
    if (last === undefined) return;
    yield some;
    next = last.end;
  }
}

function positionOf(blocks: readonly SegmentBlock[]): number {
  return (blocks[0] as SegmentBlock).position;
}

function bytesOfBlocks(blocks: readonly SegmentBlock[]): number {
  return blocks.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What `read` finds wrong with batches of the segment, as this says it of blocks. */
export function unreadable<T>(segment: SegmentItem, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.retriable) throw error;
    const { base, end, object } = segment;
    throw new MillraceError(
      'CORRUPT_MESSAGE',
      `The object ${objectName('merged', object)} with the offsets ${base} to ${end - 1} is damaged: ${error.message}`,
      { cause: error },
    );
  }
}

function missing(name: string, { base, end }: SegmentItem): MillraceError {
  return new MillraceError(
    'CORRUPT_MESSAGE',
    `The object ${name} with the offsets ${base} to ${end - 1} is not there.`,
  );
}
