/** Offsets on the wire have 64 bits; no log here ever gets beyond 53. */

/** What is larger than a safe integer becomes the largest one. No log gets so far: both are out of range. */
export function offsetOf(wire: bigint): number {
  return wire > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(wire);
}

/** Absent is -1 on the wire; so are times. */
export function wireOffset(offset: number | undefined): bigint {
  return BigInt(offset ?? -1);
}
