/**
 * The codecs that are plain TypeScript, for batches that a client reads from the bucket. A platform's own may be given
 * in place.
 */
import { type Compression, noCompression } from '../log/record-batch/compression.ts';
import { lz4Compress, lz4Decompress } from '../log/record-batch/lz4.ts';
import { snappyCompress, snappyDecompress } from '../log/record-batch/snappy.ts';

export const pureCompression: Compression = {
  compress: (type, bytes) => {
    if (type === 'lz4') return lz4Compress(bytes);
    return type === 'snappy' ? snappyCompress(bytes) : noCompression.compress(type, bytes);
  },
  decompress: (type, bytes, bytesMax) => {
    if (type === 'lz4') return lz4Decompress(bytes, bytesMax);
    return type === 'snappy' ? snappyDecompress(bytes, bytesMax) : noCompression.decompress(type, bytes, bytesMax);
  },
};
