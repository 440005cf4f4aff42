/** One part of an upload: bytes that were copied together, in blocks that are made as they come. */
import { releaseBytes } from '../../kernel/bytes.ts';
import { limits } from '../../kernel/limits.ts';

export class Part {
  private readonly blocks: Uint8Array[] = [];
  private length = 0;

  get isFull(): boolean {
    return this.length === limits.uploadPartBytes;
  }

  get chunks(): Uint8Array[] {
    const unused = this.blocks.length * limits.uploadBlockBytes - this.length;
    const last = this.blocks.length - 1;
    return this.blocks.map((block, index) => (index === last ? block.subarray(0, block.length - unused) : block));
  }

  /** Gives its memory back at once, for when nobody looks at its chunks any more. */
  release(): void {
    for (const block of this.blocks.splice(0)) releaseBytes(block);
    this.length = 0;
  }

  /** Copies as much as there is room for, and returns how much that was. */
  fill(chunk: Uint8Array): number {
    let taken = 0;
    while (taken < chunk.length && !this.isFull) {
      const at = this.length % limits.uploadBlockBytes;
      if (at === 0) this.blocks.push(Buffer.allocUnsafeSlow(limits.uploadBlockBytes));
      const block = this.blocks.at(-1) as Uint8Array;
      const piece = chunk.subarray(taken, taken + block.length - at);
      block.set(piece, at);
      taken += piece.length;
      this.length += piece.length;
    }
    return taken;
  }
}
