/**
 * Lines of an input, by number. Bytes are not looked at but for the line ends, which are LF or CR LF; the last line
 * needs none. A line that is too long is not kept: only that it was there.
 */
import { concatBytes } from '../../kernel/bytes.ts';

export interface Line {
  /** From 1. */
  number: number;
  /** Without its end; `undefined`: it is too long. */
  bytes: Uint8Array | undefined;
}

const LF = 10;
const CR = 13;

export class LineSplitter {
  private readonly bytesMax: number;
  private number = 0;
  /** Of the line that has not ended yet. */
  private pieces: Uint8Array[] = [];
  private length = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** The lines that end in the chunk. They may share its memory. */
  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      this.keep(chunk.subarray(start, end));
      lines.push(this.take());
      start = end + 1;
    }
    this.keep(chunk.subarray(start));
    return lines;
  }

  /** The last line, where it has no end. */
  end(): Line[] {
    return this.length === 0 ? [] : [this.take()];
  }

  private keep(piece: Uint8Array): void {
    this.length += piece.length;
    // One byte more than the most, for a CR that is not part of the line.
    if (this.length > this.bytesMax + 1) this.pieces = [];
    else if (piece.length > 0) this.pieces.push(piece);
  }

  private take(): Line {
    const kept = this.length > this.bytesMax + 1 ? undefined : withoutCr(this.pieces);
    this.pieces = [];
    this.length = 0;
    return { number: ++this.number, bytes: kept !== undefined && kept.length > this.bytesMax ? undefined : kept };
  }
}

function withoutCr(pieces: readonly Uint8Array[]): Uint8Array {
  const line = pieces.length === 1 ? (pieces[0] as Uint8Array) : concatBytes(pieces);
  return line.at(-1) === CR ? line.subarray(0, -1) : line;
}
