/**
 * The codecs of record batches on Node: gzip and zstd from node:zlib, snappy and lz4 in plain TypeScript
 * (lib/log/record-batch), because what runs in a Lambda bundle can have no native addons.
 *
 * All of it is synchronous: a batch is at most a few MiB, and the hot paths compress nothing themselves.
 */
import {
  gunzipSync,
  gzipSync,
  type ZlibOptions,
  type ZstdOptions,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import { unreachable } from '../kernel/assert.ts';
import {
  type Compression,
  type CompressionType,
  corruptStream,
  inflatesTooFar,
} from '../log/record-batch/compression.ts';
import { lz4Compress, lz4Decompress } from '../log/record-batch/lz4.ts';
import { snappyCompress, snappyDecompress } from '../log/record-batch/snappy.ts';

/** Output comes in chunks of this size; Node's own default of 16 KiB costs many small steps for a 1 MiB batch. */
const CHUNK_BYTES = 128 * 1024;

export const nodeCompression: Compression = {
  compress(type: CompressionType, bytes: Uint8Array): Uint8Array {
    switch (type) {
      case 'none':
        return bytes;
      case 'gzip':
        return gzipSync(bytes, { chunkSize: CHUNK_BYTES });
      case 'snappy':
        return snappyCompress(bytes);
      case 'lz4':
        return lz4Compress(bytes);
      case 'zstd':
        return zstdCompressSync(bytes, { chunkSize: CHUNK_BYTES });
      default:
        return unreachable(type);
    }
  },

  decompress(type: CompressionType, bytes: Uint8Array, bytesMax: number): Uint8Array {
    switch (type) {
      case 'none':
        if (bytes.length > bytesMax) throw inflatesTooFar(type, bytesMax);
        return bytes;
      case 'gzip':
        return zlibDecompress(type, gunzipSync, bytes, bytesMax);
      case 'snappy':
        return snappyDecompress(bytes, bytesMax);
      case 'lz4':
        return lz4Decompress(bytes, bytesMax);
      case 'zstd':
        return zlibDecompress(type, zstdDecompressSync, bytes, bytesMax);
      default:
        return unreachable(type);
    }
  },
};

type Inflate = (bytes: Uint8Array, options: ZlibOptions & ZstdOptions) => Buffer;

/** What `info: true` makes the synchronous functions of node:zlib return. */
interface InflateResult {
  buffer: Buffer;
  /** `bytesWritten`: how much of the input belonged to the stream. */
  engine: { bytesWritten: number };
}

function zlibDecompress(type: 'gzip' | 'zstd', inflate: Inflate, bytes: Uint8Array, bytesMax: number): Uint8Array {
  let result: InflateResult;
  try {
    // `maxOutputLength` must be at least 1 and stops the inflating there; an empty limit is checked below.
    const options = { info: true, chunkSize: CHUNK_BYTES, maxOutputLength: Math.max(1, bytesMax) };
    result = inflate(bytes, options) as unknown as InflateResult;
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw inflatesTooFar(type, bytesMax);
    throw corruptStream(type, error instanceof Error ? error.message : String(error), error);
  }
  // Node ignores what follows a zstd frame, and zeros after a gzip member. Kafka's writers make one stream.
  const rest = bytes.length - result.engine.bytesWritten;
  if (rest !== 0) throw corruptStream(type, `${rest} bytes follow its end`);
  if (result.buffer.length > bytesMax) throw inflatesTooFar(type, bytesMax);
  return result.buffer;
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
