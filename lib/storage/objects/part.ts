/** One part of an upload: bytes that were copied together, in blocks that are made as they come. */
import type { Readable } from 'node:stream';
import { releaseBytes } from '../../kernel/bytes.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { type BodyFacts, bodyOf, describeBody } from './s3-body.ts';

/** A part in memory, or on disk (spooled-part.ts). */
export interface UploadPart {
  /** It takes no more, and is large enough for a part that others follow. */
  readonly isFull: boolean;
  /** Copies as much as there is room for, and returns how much that was. */
  fill(chunk: Uint8Array): number | Promise<number>;
  /** Once nothing is added any more. */
  describe(): BodyFacts;
  /** A stream is used up by one attempt, and made anew for the next. */
  body(): Readable | string;
  /** Gives back at once what it is kept in, for when nobody reads its bodies any more. */
  release(): void;
}

export class Part implements UploadPart {
  private readonly blocks: Uint8Array[] = [];
  private length = 0;

  get isFull(): boolean {
    return this.length === storageLimits.uploadPartBytes;
  }

  get chunks(): Uint8Array[] {
    const unused = this.blocks.length * storageLimits.uploadBlockBytes - this.length;
    const last = this.blocks.length - 1;
    return this.blocks.map((block, index) => (index === last ? block.subarray(0, block.length - unused) : block));
  }

  describe(): BodyFacts {
    return describeBody(this.chunks);
  }

  body(): Readable | string {
    return bodyOf(this.chunks, this.length);
  }

  release(): void {
    for (const block of this.blocks.splice(0)) releaseBytes(block);
    this.length = 0;
  }

  fill(chunk: Uint8Array): number {
    let taken = 0;
    while (taken < chunk.length && !this.isFull) {
      const at = this.length % storageLimits.uploadBlockBytes;
      if (at === 0) this.blocks.push(Buffer.allocUnsafeSlow(storageLimits.uploadBlockBytes));
      const block = this.blocks.at(-1) as Uint8Array;
      const piece = chunk.subarray(taken, taken + block.length - at);
      block.set(piece, at);
      taken += piece.length;
      this.length += piece.length;
    }
    return taken;
  }
}
