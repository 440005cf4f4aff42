/**
 * Makes the footer of a merged segment while its batches go by: they are looked at and not kept. What is kept is the
 * index, about 50 bytes for each block of 64 KiB.
 */
import { assert } from '../../kernel/assert.ts';
import { crc32c } from '../../kernel/crc32c.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { type BatchHeader, batchHeaders } from '../record-batch/header.ts';
import { encodeSegmentFooter, itemOfFooter, type SegmentFooter } from './segment-footer.ts';
import type { SegmentBlock } from './segment-index.ts';
import type { SegmentItem } from './segment-item.ts';

/** What a footer can say; no time of a record that was accepted is beyond it, whatever its batch's header says. */
const MAX_MS = topicLimits.timestampMsMax;

/** What is known of a segment before its batches are. */
export type SegmentIdentity = Pick<
  SegmentFooter,
  'object' | 'topicId' | 'topic' | 'partition' | 'base' | 'level' | 'version' | 'compacted'
>;

export class SegmentBuilder {
  private readonly identity: SegmentIdentity;
  private readonly blocks: SegmentBlock[] = [];
  /** The block that is not full yet, the last one. */
  private open: SegmentBlock | undefined;
  private position = 0;
  private count = 0;
  private next: number;
  private newestMs = -1;
  private oldestMs: number | undefined;
  private horizonMs: number | undefined;

  constructor(identity: SegmentIdentity) {
    this.identity = identity;
    this.next = identity.base;
  }

  /** Of batches so far. */
  get bytes(): number {
    return this.position;
  }

  /** Of batches so far. */
  get records(): number {
    return this.count;
  }

  /** One past the last offset so far. */
  get end(): number {
    return this.next;
  }

  /**
   * Whole batches that follow in the object, with base offset and leader epoch in place and their checksums checked.
   * Throws where their headers are none.
   */
  add(batches: Uint8Array): void {
    for (const header of batchHeaders(batches)) this.addBatch(batches, header);
  }

  /**
   * The footer with its trailer, and the segment's item but for `holders` and `storageClass`. `end`: one past the last
   * offset that the segment covers, where that is beyond its last batch.
   */
  finish(end = this.next): { footer: Uint8Array; segment: SegmentItem } {
    const { base } = this.identity;
    assert(end >= this.next && end > base, `a segment from ${base} with batches to ${this.next} ends at ${end}`);
    const { newestMs, oldestMs, horizonMs } = this;
    const facts: SegmentFooter = {
      ...this.identity,
      end,
      records: this.count,
      ...(oldestMs !== undefined && { newestMs, oldestMs }),
      ...(horizonMs !== undefined && { horizonMs }),
      blocks: this.blocks,
    };
    const footer = encodeSegmentFooter(facts);
    return { footer, segment: itemOfFooter(facts, footer.length) };
  }

  private addBatch(bytes: Uint8Array, header: BatchHeader): void {
    const { baseOffset, lastOffsetDelta, position, sizeBytes } = header;
    assert(baseOffset >= this.next, `a batch at ${baseOffset} follows one that ends at ${this.next}`);
    this.note(header);
    const block = this.open ?? this.begin(baseOffset);
    this.next = baseOffset + lastOffsetDelta + 1;
    this.position += sizeBytes;
    block.end = this.next;
    block.bytes += sizeBytes;
    block.newestMs = this.newestMs;
    block.crc32c = crc32c(bytes, position, position + sizeBytes, block.crc32c);
    if (block.bytes >= mergingLimits.segmentBlockBytes) this.open = undefined;
  }

  private begin(base: number): SegmentBlock {
    const block = { base, end: base, position: this.position, bytes: 0, newestMs: this.newestMs, crc32c: 0 };
    this.blocks.push(block);
    this.open = block;
    return block;
  }

  private note(header: BatchHeader): void {
    const { recordCount, maxTimestamp, baseTimestamp, timestampType, deleteHorizon } = header;
    this.count += recordCount;
    if (deleteHorizon && baseTimestamp >= 0) this.horizonMs = Math.min(this.horizonMs ?? MAX_MS, baseTimestamp);
    if (maxTimestamp < 0) return;
    this.newestMs = Math.max(this.newestMs, Math.min(maxTimestamp, MAX_MS));
    // The base timestamp is the first record's but with a delete horizon, which is in its place.
    const ownBase = timestampType === 'CreateTime' && !deleteHorizon && baseTimestamp >= 0;
    const oldestMs = ownBase ? Math.min(baseTimestamp, maxTimestamp) : maxTimestamp;
    this.oldestMs = Math.min(this.oldestMs ?? MAX_MS, oldestMs);
  }
}
