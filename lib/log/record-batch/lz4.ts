/**
 * LZ4's frame format (lz4/lz4, doc/lz4_Frame_format.md), all integers little-endian:
 *
 *   4      magic 0x184D2204
 *   1      flags: version 01, independent blocks, block checksums, content size, content checksum, 0, dictionary
 *   1      block size class in bits 4–6: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB
 *   0, 8   content size          0, 4  dictionary id
 *   1      header checksum: the second byte of XXH32 of what follows the magic
 *   blocks: 4 size, the high bit says "stored"; the bytes; 0, 4 XXH32 of the bytes as they are here
 *   4      end mark: 0           0, 4  XXH32 of the content
 *
 * Kafka's Java client writes independent blocks of 64 KiB and no checksum but the header's; so does this. Everything
 * else that the format has is read, and checked, except dictionaries: nobody could know which. One frame, nothing after.
 *
 * Written here because of the libraries on npm lz4js is untyped, checks neither checksums nor bounds and writes linked
 * blocks, which Kafka's Java client refuses; the WebAssembly ones have blocks but no frames, or no bound on what comes
 * out; and the fast ones are native addons, which Lambda bundles cannot carry.
 */
import { dataView } from '../../kernel/bytes.ts';
import { corruptStream, inflatesTooFar } from './compression.ts';
import { Lz4OverflowError, lz4BlockBytesMax, lz4CompressBlock, lz4DecompressBlock } from './lz4-block.ts';
import { xxhash32 } from './xxhash32.ts';

const MAGIC = 0x184d2204;
const VERSION = 0x40;
const INDEPENDENT = 0x20;
const BLOCK_CHECKSUMS = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const KNOWN_FLAGS = VERSION | INDEPENDENT | BLOCK_CHECKSUMS | CONTENT_SIZE | CONTENT_CHECKSUM;
const STORED = 0x80000000;
const BLOCK_CLASS_64_KIB = 4;
const BLOCK_BYTES = 64 * 1024;
const HEADER_BYTES = 7;
const END_MARK_BYTES = 4;
/** A byte of a block says at most 255 more bytes of a match. */
const RATIO_MAX = 255;

/** One frame of independent 64 KiB blocks, as Kafka's Java client writes it. */
export function lz4Compress(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  const target = new Uint8Array(HEADER_BYTES + blocks * (4 + lz4BlockBytesMax(BLOCK_BYTES)) + END_MARK_BYTES);
  const source = dataView(bytes);
  const view = dataView(target);
  view.setUint32(0, MAGIC, true);
  target[4] = VERSION | INDEPENDENT;
  target[5] = BLOCK_CLASS_64_KIB << 4;
  target[6] = headerChecksum(target, 4, 6);
  let at = HEADER_BYTES;
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, bytes.length);
    let blockEnd = lz4CompressBlock(bytes, source, start, end, target, at + 4);
    let size = blockEnd - at - 4;
    if (size >= end - start) {
      target.set(bytes.subarray(start, end), at + 4);
      blockEnd = at + 4 + end - start;
      size = (end - start) | STORED;
    }
    view.setUint32(at, size, true);
    at = blockEnd;
  }
  view.setUint32(at, 0, true); // A block that was stored in the end may have been longer here at first.
  return target.slice(0, at + END_MARK_BYTES);
}

/** The content of exactly one frame. */
export function lz4Decompress(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const frame = readFrameHeader(bytes);
  if (frame.contentBytes !== undefined && frame.contentBytes > bytesMax) throw inflatesTooFar('lz4', bytesMax);
  const content = new Content(bytesMax);
  const view = dataView(bytes);
  let position = frame.blocksStart;
  for (;;) {
    need(bytes, position, 4);
    const size = view.getUint32(position, true);
    position += 4;
    if (size === 0) break;
    position = readBlock(bytes, position, size, frame, content);
  }
  const inflated = content.bytes();
  if (frame.contentBytes !== undefined && frame.contentBytes !== inflated.length) {
    throw corruptStream('lz4', `it announces ${frame.contentBytes} bytes, ${inflated.length} come out`);
  }
  if (frame.flags & CONTENT_CHECKSUM) {
    need(bytes, position, 4);
    if (view.getUint32(position, true) !== xxhash32(inflated))
      throw corruptStream('lz4', 'its content checksum is wrong');
    position += 4;
  }
  if (position !== bytes.length) throw corruptStream('lz4', `${bytes.length - position} bytes follow its end`);
  return inflated;
}

interface Frame {
  flags: number;
  blockBytesMax: number;
  contentBytes: number | undefined;
  blocksStart: number;
}

function readFrameHeader(bytes: Uint8Array): Frame {
  const view = dataView(bytes);
  need(bytes, 0, HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC) throw corruptStream('lz4', 'it does not begin with the magic of an LZ4 frame');
  const flags = bytes[4] as number;
  const blockClass = (bytes[5] as number) >>> 4;
  if (flags & DICTIONARY) throw corruptStream('lz4', 'it needs a dictionary, which batches cannot name');
  if ((flags & ~KNOWN_FLAGS) !== 0 || (flags & 0xc0) !== VERSION) {
    throw corruptStream('lz4', `its flags are 0x${flags.toString(16)}, they must say version 1 and no reserved bit`);
  }
  if (blockClass < 4 || blockClass > 7 || ((bytes[5] as number) & 0x0f) !== 0) {
    throw corruptStream('lz4', 'its block size is none of 64 KiB, 256 KiB, 1 MiB and 4 MiB');
  }
  const checksumAt = flags & CONTENT_SIZE ? 14 : 6;
  need(bytes, checksumAt, 1);
  if (bytes[checksumAt] !== headerChecksum(bytes, 4, checksumAt)) {
    throw corruptStream('lz4', 'its header checksum is wrong');
  }
  const contentBytes = flags & CONTENT_SIZE ? Number(view.getBigUint64(6, true)) : undefined;
  return { flags, blockBytesMax: 2 ** (2 * blockClass + 8), contentBytes, blocksStart: checksumAt + 1 };
}

/** Adds one block to the content and returns the position after it. */
function readBlock(bytes: Uint8Array, start: number, sizeField: number, frame: Frame, content: Content): number {
  const stored = sizeField >= STORED;
  const size = stored ? sizeField - STORED : sizeField;
  if (size > frame.blockBytesMax) {
    throw corruptStream('lz4', `the block at byte ${start} has ${size} bytes, its frame allows ${frame.blockBytesMax}`);
  }
  need(bytes, start, size);
  const end = start + size;
  if (stored) content.store(bytes, start, end);
  else content.inflate(bytes, start, end, frame);
  if (!(frame.flags & BLOCK_CHECKSUMS)) return end;
  need(bytes, end, 4);
  if (dataView(bytes).getUint32(end, true) !== xxhash32(bytes, start, end)) {
    throw corruptStream('lz4', `the checksum of the block at byte ${start} is wrong`);
  }
  return end + 4;
}

/** What has come out so far. It grows by what the next block can at most make, never beyond the caller's limit. */
class Content {
  private readonly bytesMax: number;
  private buffer = new Uint8Array(0);
  private length = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  store(source: Uint8Array, start: number, end: number): void {
    if (end - start > this.reserve(end - start)) throw inflatesTooFar('lz4', this.bytesMax);
    this.buffer.set(source.subarray(start, end), this.length);
    this.length += end - start;
  }

  inflate(source: Uint8Array, start: number, end: number, frame: Frame): void {
    const blockMax = frame.blockBytesMax;
    const room = this.reserve(Math.min(blockMax, (end - start) * RATIO_MAX));
    const windowStart = frame.flags & INDEPENDENT ? this.length : 0;
    const into = { target: this.buffer, position: this.length, windowStart, targetEnd: this.length + room };
    try {
      this.length = lz4DecompressBlock({ source, start, end }, into);
    } catch (error) {
      if (!(error instanceof Lz4OverflowError)) throw error;
      if (room < blockMax) throw inflatesTooFar('lz4', this.bytesMax);
      throw corruptStream('lz4', `the block at byte ${start} inflates to more than its frame allows`);
    }
  }

  /** Makes room for `wanted` more bytes, or for as many as the limit leaves, and returns how many. */
  private reserve(wanted: number): number {
    const room = Math.min(wanted, this.bytesMax - this.length);
    if (this.length + room > this.buffer.length) {
      const grown = new Uint8Array(Math.min(this.bytesMax, Math.max(this.buffer.length * 2, this.length + room)));
      grown.set(this.bytes());
      this.buffer = grown;
    }
    return room;
  }
}

function headerChecksum(bytes: Uint8Array, start: number, end: number): number {
  return (xxhash32(bytes, start, end) >>> 8) & 0xff;
}

function need(bytes: Uint8Array, position: number, length: number): void {
  if (length > bytes.length - position) throw corruptStream('lz4', `it ends at byte ${bytes.length}, inside a field`);
}
