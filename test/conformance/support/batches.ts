/** Record batches as an SDK makes and reads them. */
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { records } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';

export function batchOf(values: readonly string[], options: { timestamp?: number } = {}): Uint8Array {
  const timestamp = options.timestamp ?? Date.now();
  const made = values.map((value) => ({
    timestamp,
    key: null,
    value: new Uint8Array(Buffer.from(value)),
    headers: [],
  }));
  return encodeBatch(made, { compressionType: 'none', compression: nodeCompression, timestampType: 'CreateTime' });
}

/** Offset and value of every record, checksums verified. */
export function read(batches: Uint8Array): [number, string][] {
  return Array.from(records(batches, nodeCompression, { verifyChecksum: true }), ({ offset, value }) => [
    offset,
    Buffer.from(value ?? []).toString(),
  ]);
}
