/** Cuts bytes that come in pieces into lines, looking at each byte once. */
import { concatBytes } from '../../kernel/bytes.ts';

const LINE_FEED = 0x0a;

export interface Line {
  /** Counted from 1. */
  number: number;
  bytes: Uint8Array;
}

export class LineSplitter {
  private unfinished: Uint8Array[] = [];
  private count = 0;

  /** The lines that end in this piece. Lines of nothing but white space are counted and left out. */
  push(piece: Uint8Array): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, start)) {
      this.unfinished.push(piece.subarray(start, end));
      lines.push(...this.finish());
      start = end + 1;
    }
    if (start < piece.length) this.unfinished.push(piece.subarray(start));
    return lines;
  }

  /** The line that has begun and will have no line feed. */
  finish(): Line[] {
    const [first, ...more] = this.unfinished;
    this.unfinished = [];
    this.count++;
    const bytes = more.length === 0 ? first : concatBytes([first as Uint8Array, ...more]);
    return bytes === undefined || isBlank(bytes) ? [] : [{ number: this.count, bytes }];
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
