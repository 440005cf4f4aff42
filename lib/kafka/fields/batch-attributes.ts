/**
 * What the attributes of a record batch say (KIP-98), before anything of it is checked. By the first batch of several.
 */

/** Where the low byte of the attributes is. */
const ATTRIBUTES_AT = 22;
const COMPRESSION = 0x07;
const ZSTD = 4;

export function isZstd(batches: Uint8Array): boolean {
  return ((batches[ATTRIBUTES_AT] ?? 0) & COMPRESSION) === ZSTD;
}
