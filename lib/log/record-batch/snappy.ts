/**
 * Snappy as Kafka has it: raw blocks (google/snappy, format_description.txt) inside the stream framing of xerial's
 * snappy-java, which Kafka's Java client writes:
 *
 *   8  0x82 "SNAPPY" 0x00
 *   4  version: 1            4  lowest version that can read it: 1
 *   then, up to the end: 4  size of the block that follows; the block, of at most 32 KiB original bytes
 *
 * Other clients (librdkafka, Sarama) write one raw block without framing, and every reader takes both. All integers of
 * the framing are big-endian.
 *
 * Written here because the pure JavaScript library for it, snappyjs 0.7.0, loops forever on a literal whose four-byte
 * length has its high bit set, and accepts blocks that inflate to more or less than they announce.
 */
import { dataView } from '../../kernel/bytes.ts';
import { corruptStream, inflatesTooFar } from './compression.ts';
import { copyBytes, copyWithin, findMatches } from './match-finder.ts';

const XERIAL_HEADER = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);
const XERIAL_MAGIC_BYTES = 8;
const BLOCK_BYTES = 32 * 1024;
/** A copy takes at least 3 bytes for 64, so no block inflates to more than this times its size. */
const RATIO_MAX = 22;

/** In xerial's framing, as Kafka's Java client writes it. */
export function snappyCompress(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  const target = new Uint8Array(XERIAL_HEADER.length + blocks * (4 + blockBytesMax(BLOCK_BYTES)));
  target.set(XERIAL_HEADER);
  const source = dataView(bytes);
  const view = dataView(target);
  let at = XERIAL_HEADER.length;
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, bytes.length);
    const blockEnd = compressBlock(bytes, source, start, end, target, at + 4);
    view.setUint32(at, blockEnd - at - 4);
    at = blockEnd;
  }
  return target.slice(0, at);
}

/** Takes both forms. */
export function snappyDecompress(bytes: Uint8Array, bytesMax: number): Uint8Array {
  let length = 0;
  for (const block of blocksOf(bytes)) length += block.inflatedBytes;
  if (length > bytesMax) throw inflatesTooFar('snappy', bytesMax);
  const target = new Uint8Array(length);
  let at = 0;
  for (const block of blocksOf(bytes)) {
    decompressBlock(bytes, block, target, at);
    at += block.inflatedBytes;
  }
  return target;
}

interface Block {
  /** Where the elements begin, behind the inflated size. */
  start: number;
  end: number;
  inflatedBytes: number;
}

function isXerial(bytes: Uint8Array): boolean {
  if (bytes.length < XERIAL_HEADER.length) return false;
  for (let index = 0; index < XERIAL_MAGIC_BYTES; index++) if (bytes[index] !== XERIAL_HEADER[index]) return false;
  return true;
}

function* blocksOf(bytes: Uint8Array): Generator<Block> {
  if (!isXerial(bytes)) {
    yield blockOf(bytes, 0, bytes.length);
    return;
  }
  const view = dataView(bytes);
  const version = view.getInt32(XERIAL_MAGIC_BYTES);
  if (version < 1) throw corruptStream('snappy', `its framing has version ${version}, it must be at least 1`);
  for (let position = XERIAL_HEADER.length; position < bytes.length; ) {
    const left = bytes.length - position - 4;
    const size = left < 0 ? 0 : view.getUint32(position);
    if (left < 0 || size > left) throw corruptStream('snappy', `it ends inside the block at byte ${position}`);
    yield blockOf(bytes, position + 4, position + 4 + size);
    position += 4 + size;
  }
}

/** Reads the size a block announces: an unsigned varint of 32 bits. Refuses one that its bytes cannot make. */
function blockOf(bytes: Uint8Array, start: number, end: number): Block {
  let inflatedBytes = 0;
  for (let index = 0; index < 5 && start + index < end; index++) {
    const byte = bytes[start + index] as number;
    inflatedBytes += (byte & 0x7f) * 2 ** (index * 7);
    if (byte >= 0x80) continue;
    if (inflatedBytes > (end - start) * RATIO_MAX) break;
    return { start: start + index + 1, end, inflatedBytes };
  }
  throw corruptStream('snappy', `the block at byte ${start} announces a size that it cannot have`);
}

function decompressBlock(bytes: Uint8Array, block: Block, target: Uint8Array, targetStart: number): void {
  const { end } = block;
  const targetEnd = targetStart + block.inflatedBytes;
  let position = block.start;
  let at = targetStart;
  while (position < end) {
    const tag = bytes[position] as number;
    const kind = tag & 3;
    // How many bytes after the tag belong to the element itself: a literal's length, or a copy's offset.
    const extra = kind === 0 ? Math.max(0, (tag >>> 2) - 59) : kind === 3 ? 4 : kind;
    if (extra >= end - position) throw brokenBlock(position);
    if (kind === 0) {
      const length = 1 + (extra === 0 ? tag >>> 2 : littleEndian(bytes, position + 1, extra));
      const start = position + 1 + extra;
      if (length > end - start || length > targetEnd - at) throw brokenBlock(position);
      copyBytes(bytes, start, target, at, length);
      position = start + length;
      at += length;
    } else {
      const length = kind === 1 ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2);
      const low = littleEndian(bytes, position + 1, extra);
      const offset = kind === 1 ? ((tag >>> 5) << 8) | low : low;
      if (offset === 0 || offset > at - targetStart || length > targetEnd - at) throw brokenBlock(position);
      copyWithin(target, at, offset, length);
      position += 1 + extra;
      at += length;
    }
  }
  if (at !== targetEnd) {
    throw corruptStream('snappy', `a block announces ${block.inflatedBytes} bytes, ${at - targetStart} come out`);
  }
}

/** An unsigned integer of 1 to 4 bytes; never negative, whatever its high bit. */
function littleEndian(bytes: Uint8Array, position: number, size: number): number {
  let value = bytes[position] as number;
  if (size > 1) value |= (bytes[position + 1] as number) << 8;
  if (size > 2) value |= (bytes[position + 2] as number) << 16;
  if (size > 3) value += (bytes[position + 3] as number) * 2 ** 24;
  return value;
}

function brokenBlock(position: number): Error {
  return corruptStream('snappy', `the element at byte ${position} goes beyond its block`);
}

/** The most that a block of `length` bytes takes: its literals, their tags, and the varint in front. */
function blockBytesMax(length: number): number {
  return 32 + length + Math.ceil(length / 6);
}

/** Writes `source` from `start` to `end` as one block and returns the position after it. */
function compressBlock(
  source: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  target: Uint8Array,
  position: number,
): number {
  let at = position;
  for (let rest = end - start; ; rest >>>= 7) {
    target[at++] = rest >= 0x80 ? (rest & 0x7f) | 0x80 : rest;
    if (rest < 0x80) break;
  }
  const sink = {
    match(literalsStart: number, matchStart: number, length: number, offset: number): void {
      at = writeLiterals(source, literalsStart, matchStart, target, at);
      at = writeCopies(target, at, offset, length);
    },
  };
  const rest = findMatches(source, view, { start, lastStart: end - 4, matchEnd: end }, sink);
  return writeLiterals(source, rest, end, target, at);
}

function writeLiterals(source: Uint8Array, start: number, end: number, target: Uint8Array, position: number): number {
  const length = end - start;
  if (length === 0) return position;
  let at = position;
  if (length <= 60) {
    target[at++] = (length - 1) << 2;
  } else if (length <= 0x100) {
    target[at++] = 60 << 2;
    target[at++] = length - 1;
  } else {
    target[at++] = 61 << 2;
    target[at++] = (length - 1) & 0xff;
    target[at++] = (length - 1) >>> 8;
  }
  copyBytes(source, start, target, at, length);
  return at + length;
}

/** One match as copies of at most 64 bytes each, none of the last two shorter than 4, which the short form needs. */
function writeCopies(target: Uint8Array, position: number, offset: number, length: number): number {
  let at = position;
  let rest = length;
  while (rest > 64) {
    const part = rest >= 68 ? 64 : 60;
    at = writeCopy(target, at, offset, part);
    rest -= part;
  }
  return writeCopy(target, at, offset, rest);
}

function writeCopy(target: Uint8Array, position: number, offset: number, length: number): number {
  if (length < 12 && offset < 2048) {
    target[position] = 1 | ((length - 4) << 2) | ((offset >>> 8) << 5);
    target[position + 1] = offset & 0xff;
    return position + 2;
  }
  target[position] = 2 | ((length - 1) << 2);
  target[position + 1] = offset & 0xff;
  target[position + 2] = offset >>> 8;
  return position + 3;
}
