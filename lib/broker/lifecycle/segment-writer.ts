/**
 * Writes the batches of one partition to merged segments, one after the other: each goes on while there is room in it,
 * and is uploaded while it grows.
 *
 * What is in memory is the index, a block of 256 KiB and what the upload keeps, whatever the segment's size.
 */
import type { ReplicaMask } from '../../coordination/replication/replica-state.ts';
import { newObjectId, type ObjectId } from '../../kernel/ids.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { SegmentBuilder, type SegmentIdentity } from '../../log/merged/segment-builder.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import { batchHeaders } from '../../log/record-batch/header.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { Upload } from '../../storage/objects/port.ts';
import type { Broker } from '../broker.ts';
import { OWN_BUCKET } from '../ledger/replicated.ts';

export interface SegmentTarget {
  identity: Omit<SegmentIdentity, 'object' | 'base'>;
  /** The first offset that the first segment covers. */
  base: number;
  /** Of batches in one segment, unless a single one has more. */
  bytesMax: number;
  /** No segment object born at or before this time can be committed. */
  sweptMs: number;
  /** Of a replicated ledger: the replicas, all of which get the objects. */
  replicas?: ReplicaMask;
}

interface OpenSegment {
  builder: SegmentBuilder;
  upload: Upload;
}

export class SegmentWriter {
  /** Those that are stored whole. */
  readonly segments: SegmentItem[] = [];
  /** What may be stored: of those, and of one whose end nobody knows. */
  readonly objects: ObjectId[] = [];
  private readonly broker: Broker;
  private readonly target: SegmentTarget;
  private open: OpenSegment | undefined;
  private base: number;
  private block: Uint8Array | undefined;
  private gathered = 0;

  constructor(broker: Broker, target: SegmentTarget) {
    this.broker = broker;
    this.target = target;
    this.base = target.base;
  }

  /**
   * Whole batches that follow, with their offsets in place and checked. They are not looked at any more once this has
   * settled.
   */
  async write(batches: Uint8Array): Promise<void> {
    for (let at = 0; at < batches.length; ) {
      const open = this.begun();
      const rest = batches.subarray(at);
      const bytes = this.fitting(open.builder.bytes, rest);
      if (bytes === 0) {
        await this.end(open, open.builder.end);
        continue;
      }
      const piece = rest.subarray(0, bytes);
      open.builder.add(piece);
      await this.take(open.upload, piece);
      at += bytes;
    }
  }

  /** Stores what is not stored yet. `end`: one past the last offset that all of them cover. */
  async finish(end: number): Promise<readonly SegmentItem[]> {
    await this.end(this.begun(), end);
    return this.segments;
  }

  /** Lets go of the segment that is not finished. Never rejects. */
  async abort(): Promise<void> {
    await this.open?.upload.abort();
    this.open = undefined;
  }

  private begun(): OpenSegment {
    if (this.open !== undefined) return this.open;
    const { identity, sweptMs, replicas = OWN_BUCKET } = this.target;
    const { clock, random, objects } = this.broker;
    const object = newObjectId(Math.max(clock.now(), sweptMs + 1), random);
    this.objects.push(object);
    const builder = new SegmentBuilder({ ...identity, object, base: this.base });
    const upload = objects.uploadTo(replicas, objectName('merged', object)).toAll();
    this.open = { builder, upload };
    return this.open;
  }

  /** How many of these bytes go into a segment with so many: whole batches, and at least one into an empty one. */
  private fitting(before: number, batches: Uint8Array): number {
    const room = this.target.bytesMax - before;
    if (batches.length <= room) return batches.length;
    let bytes = 0;
    for (const { sizeBytes } of batchHeaders(batches)) {
      if (bytes + sizeBytes > room && before + bytes > 0) break;
      bytes += sizeBytes;
    }
    return bytes;
  }

  private async end({ builder, upload }: OpenSegment, end: number): Promise<void> {
    const { footer, segment } = builder.finish(end);
    await this.flush(upload);
    await upload.write([footer]);
    await upload.finish();
    const { replicas: holders } = this.target;
    this.segments.push({ ...segment, ...(holders !== undefined && { holders }) });
    this.base = end;
    this.open = undefined;
  }

  /** Small pieces are sent together. */
  private async take(upload: Upload, piece: Uint8Array): Promise<void> {
    if (this.gathered + piece.length > mergingLimits.segmentGatherBytes) await this.flush(upload);
    if (piece.length >= mergingLimits.segmentGatherBytes) return upload.write([piece]);
    this.block ??= new Uint8Array(mergingLimits.segmentGatherBytes);
    this.block.set(piece, this.gathered);
    this.gathered += piece.length;
  }

  private async flush(upload: Upload): Promise<void> {
    if (this.block === undefined || this.gathered === 0) return;
    await upload.write([this.block.subarray(0, this.gathered)]);
    this.gathered = 0;
  }
}
