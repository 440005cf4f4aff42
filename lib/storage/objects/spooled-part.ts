/**
 * A part of an upload that is kept on disk while it is filled. It grows as long as the disk has room, so that most
 * objects are one part, which is one put: S3 bills every part as one.
 */
import { closeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { crc32c } from '../../kernel/crc32c.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import type { FileDescriptor } from './files.ts';
import type { UploadPart } from './part.ts';
import { type BodyFacts, bodyFacts } from './s3-body.ts';
import type { Spool } from './spool.ts';

export class SpooledPart implements UploadPart {
  private readonly spool: Spool;
  private readonly file: FileDescriptor;
  private reserved: number = storageLimits.uploadPartBytes;
  private length = 0;
  private checksum = 0;
  private isReleased = false;

  /** `undefined` where the disk has no room for as much as a part has to have at least. */
  static async open(spool: Spool): Promise<SpooledPart | undefined> {
    if (!spool.reserve(storageLimits.uploadPartBytes)) return undefined;
    try {
      return new SpooledPart(spool, await spool.open());
    } catch (error) {
      spool.free(storageLimits.uploadPartBytes);
      throw error;
    }
  }

  private constructor(spool: Spool, file: FileDescriptor) {
    this.spool = spool;
    this.file = file;
  }

  get isFull(): boolean {
    return this.length === this.reserved;
  }

  async fill(chunk: Uint8Array): Promise<number> {
    const taken = Math.min(chunk.length, this.reserved - this.length);
    await this.spool.write(this.file, chunk.subarray(0, taken));
    this.checksum = crc32c(chunk, 0, taken, this.checksum);
    this.length += taken;
    const more = storageLimits.uploadPartBytes;
    const mayGrow = this.isFull && this.reserved + more <= storageLimits.spooledPartBytesMax;
    if (mayGrow && this.spool.reserve(more)) this.reserved += more;
    return taken;
  }

  describe(): BodyFacts {
    return bodyFacts(this.length, this.checksum);
  }

  body(): Readable | string {
    if (this.length === 0) return '';
    // Where the disk fails, the attempt does when its time is over: who sends a stream does not look at its failure,
    // which would end the process.
    return Readable.from(this.blocks(), { objectMode: true, highWaterMark: 1 }).on('error', () => {});
  }

  /** Ends early for an attempt that was given up. */
  private async *blocks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.length && !this.isReleased; ) {
      const end = Math.min(this.length, at + storageLimits.uploadBlockBytes);
      yield await this.spool.read(this.file, at, end);
      at = end;
    }
  }

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    closeSync(this.file);
    this.spool.free(this.reserved);
  }
}
