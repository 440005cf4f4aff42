/**
 * The compression of a batch's records. The codecs are an argument of whoever encodes or decodes, because gzip and zstd
 * come from the platform: Node's are in lib/broker/compression.ts; a browser may bring its own, or none.
 */
import { MillraceError } from '../../kernel/errors.ts';

/** In the order of their ids in the batch attributes, 0 to 4. */
export const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

export type CompressionType = (typeof COMPRESSION_TYPES)[number];

export interface Compression {
  compress(type: CompressionType, bytes: Uint8Array): Uint8Array;
  /**
   * The original bytes, all of them. Throws `MillraceError`: CORRUPT_MESSAGE where `bytes` are not exactly one stream
   * of the type, MESSAGE_TOO_LARGE where more than `bytesMax` would come out, which is noticed before it is inflated.
   */
  decompress(type: CompressionType, bytes: Uint8Array, bytesMax: number): Uint8Array;
}

/** The type's id in the batch attributes. */
export function compressionId(type: CompressionType): number {
  return COMPRESSION_TYPES.indexOf(type);
}

/** For a door without codecs: takes uncompressed batches only and refuses the others by name. */
export const noCompression: Compression = {
  compress: (type, bytes) => (type === 'none' ? bytes : refuse(type)),
  decompress: (type, bytes, bytesMax) => {
    if (type !== 'none') return refuse(type);
    if (bytes.length > bytesMax) throw inflatesTooFar(type, bytesMax);
    return bytes;
  },
};

function refuse(type: CompressionType): never {
  throw new MillraceError('UNSUPPORTED_COMPRESSION_TYPE', `No codec for ${type} was given.`);
}

/** What every codec throws where its input is not one whole stream. */
export function corruptStream(type: CompressionType, reason: string, cause?: unknown): MillraceError {
  return new MillraceError('CORRUPT_MESSAGE', `the ${type} stream is corrupt: ${reason}`, { cause });
}

/** What every codec throws where more than the allowed bytes would come out. */
export function inflatesTooFar(type: CompressionType, bytesMax: number): MillraceError {
  return new MillraceError('MESSAGE_TOO_LARGE', `The ${type} stream inflates to more than ${bytesMax} bytes.`);
}
