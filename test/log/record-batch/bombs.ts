/** Compressed streams of less than 4 MiB that inflate to far more than a batch may. */
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import type { CompressionType } from '../../../lib/log/record-batch/compression.ts';
import { xxhash32 } from '../../../lib/log/record-batch/xxhash32.ts';

const MIB = 2 ** 20;

export function bombOf(type: CompressionType): Uint8Array {
  switch (type) {
    case 'none':
      throw new Error('there are no bombs without compression');
    case 'gzip':
      return gzipBomb();
    case 'zstd':
      return zstdBomb();
    case 'snappy':
      return snappyBomb();
    case 'lz4':
      return lz4Bomb();
  }
}

/** 0.8 MiB in 200 members that inflate to 4 MiB each. */
function gzipBomb(): Uint8Array {
  const member = nodeCompression.compress('gzip', new Uint8Array(4 * MIB));
  return concatBytes(Array.from({ length: 200 }, () => member));
}

/** 25 KiB in 6,400 blocks of 4 bytes, each a zero to be repeated 128 Ki times: 800 MiB (RFC 8878, RLE_Block). */
function zstdBomb(): Uint8Array {
  const blocks = 6400;
  const frame = new Uint8Array(6 + blocks * 4);
  frame.set([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50]); // magic, no options, a window of 1 MiB
  for (let index = 0; index < blocks; index++) {
    const header = ((128 * 1024) << 3) | (1 << 1) | (index === blocks - 1 ? 1 : 0);
    frame.set([header & 255, (header >>> 8) & 255, header >>> 16, 0], 6 + index * 4);
  }
  return frame;
}

/** 3 MiB of xerial blocks that inflate to 64 MiB: snappy's best ratio is 21. */
function snappyBomb(): Uint8Array {
  const copies = 4 * 2 ** 14;
  const inflatedBytes = 1 + copies * 64; // 4 MiB and 1, whose varint has four bytes
  const size = [0, 7, 14, 21].map((shift) => ((inflatedBytes >>> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
  const block = new Uint8Array(6 + copies * 3);
  block.set([...size, 0x00, 0x00]); // … and a literal of one zero
  for (let at = 6; at < block.length; at += 3) block.set([0xfe, 1, 0], at); // 64 bytes, from one byte back
  const framed = concatBytes([int32(block.length), block]);
  const header = nodeCompression.compress('snappy', new Uint8Array(0));
  return concatBytes([header, ...Array.from({ length: 16 }, () => framed)]);
}

/** 3.2 MiB in 200 blocks that inflate to 4 MiB each: LZ4's best ratio is 255. */
function lz4Bomb(): Uint8Array {
  const matchBytes = 4 * MIB - 7;
  const lengthBytes = Math.floor((matchBytes - 19) / 255);
  const block = concatBytes([
    Uint8Array.of(0x1f, 0, 1, 0), // one literal zero, and a match from one byte back, of 19 bytes …
    new Uint8Array(lengthBytes).fill(255), // … and more
    Uint8Array.of((matchBytes - 19) % 255),
    Uint8Array.of(0x60, 0, 0, 0, 0, 0, 0), // the last literals
  ]);
  const descriptor = Uint8Array.of(0x60, 0x70); // independent blocks of at most 4 MiB
  const checksum = (xxhash32(descriptor) >>> 8) & 0xff;
  const header = concatBytes([Uint8Array.of(0x04, 0x22, 0x4d, 0x18), descriptor, Uint8Array.of(checksum)]);
  const framed = concatBytes([int32(block.length).reverse(), block]);
  return concatBytes([header, ...Array.from({ length: 200 }, () => framed), new Uint8Array(4)]);
}

/** Big-endian. */
function int32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}
