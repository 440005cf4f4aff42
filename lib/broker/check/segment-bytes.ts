/**
 * Reading a merged segment's object: its footer is that of the item, and its blocks are whole batches that match it
 * (`--deep`).
 */
import { MillraceError } from '../../kernel/errors.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import { decodeSegmentFooter, type SegmentFooter } from '../../log/merged/segment-footer.ts';
import { blocksBetween, checkBlock, type SegmentBlock } from '../../log/merged/segment-index.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { batchHeaders, checkBatchChecksum } from '../../log/record-batch/header.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { ObjectStore } from '../../storage/objects/port.ts';

type ObjectReader = Pick<ObjectStore, 'getRange' | 'getTail'>;

/** Why the object is not what the item says; `undefined` where it is. Some blocks at a time are in memory. */
export async function damageInSegment(objects: ObjectReader, segment: SegmentItem): Promise<string | undefined> {
  const name = objectName('merged', segment.object);
  try {
    const tail = await objects.getTail(name, segment.footerBytes);
    if (tail === undefined) return 'it was deleted while it was read';
    const footer = decodeSegmentFooter(tail.bytes);
    const difference = differenceOf(footer, segment);
    if (difference !== undefined) return difference;
    let records = 0;
    for (let from = footer.base; ; ) {
      const blocks = blocksBetween(footer.blocks, { from, bytesMax: checkLimits.checkBytesAtOnce });
      const last = blocks.at(-1);
      if (last === undefined) break;
      records += await recordsIn(objects, name, blocks);
      from = last.end;
    }
    return records === segment.records ? undefined : `it has ${records} records, and should have ${segment.records}`;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'CORRUPT_MESSAGE') return error.message;
    throw error;
  }
}

function differenceOf(footer: SegmentFooter, item: SegmentItem): string | undefined {
  for (const name of ['partition', 'base', 'end', 'records'] as const) {
    if (footer[name] !== item[name]) return `its footer says ${name} ${footer[name]}, and its item ${item[name]}`;
  }
  return undefined;
}

/** Of neighbouring blocks. Throws `CORRUPT_MESSAGE`. */
async function recordsIn(objects: ObjectReader, name: string, blocks: readonly SegmentBlock[]): Promise<number> {
  const start = blocks[0]?.position ?? 0;
  const end = blocks.reduce((sum, { bytes }) => sum + bytes, start);
  const bytes = (await objects.getRange(name, { start, end })) ?? new Uint8Array();
  let records = 0;
  for (const block of blocks) {
    const own = bytes.subarray(block.position - start, block.position - start + block.bytes);
    checkBlock(own, block, name);
    for (const { position, recordCount } of batchHeaders(own)) {
      checkBatchChecksum(own, position);
      records += recordCount;
    }
  }
  return records;
}
