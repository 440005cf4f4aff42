/**
 * What the attributes of a record batch say (KIP-98), before anything of it is checked. By the first batch of several;
 * whether the others are like it is checked with all else.
 */
import { compressionId } from '../../log/record-batch/compression.ts';
import { ATTRIBUTE, FIELD } from '../../log/record-batch/header.ts';

const LOW_BYTE_AT = FIELD.attributes + 1;

export function isZstd(batches: Uint8Array): boolean {
  return (attributesOf(batches) & ATTRIBUTE.compression) === compressionId('zstd');
}

export function isTransactional(batches: Uint8Array): boolean {
  return (attributesOf(batches) & ATTRIBUTE.transactional) !== 0;
}

/** Those that are used are in the low byte. */
function attributesOf(batches: Uint8Array): number {
  return batches[LOW_BYTE_AT] ?? 0;
}
