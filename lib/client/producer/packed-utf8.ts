/**
 * UTF-8 of short texts, many in one allocation: an array buffer for each text costs three times what the encoding does,
 * and as much again when it is collected.
 */
import { utf8 } from '../../kernel/bytes.ts';

const BLOCK_BYTES = 256 * 1024;
/** Longer texts have a buffer of their own, so that little of a block is left over. */
const TEXT_LENGTH_MAX = 16 * 1024;
/** A UTF-16 unit takes at most three bytes. */
const BYTES_PER_UNIT = 3;

const encoder = new TextEncoder();
let block = new Uint8Array(0);
let used = 0;

/** A part of a block that nothing else is written to. */
export function packedUtf8(text: string): Uint8Array {
  if (text.length > TEXT_LENGTH_MAX) return utf8(text);
  if (block.length - used < text.length * BYTES_PER_UNIT) {
    block = new Uint8Array(BLOCK_BYTES);
    used = 0;
  }
  const start = used;
  used += encoder.encodeInto(text, block.subarray(start)).written;
  return block.subarray(start, used);
}
