/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of Kafka's record batches and of everything Millrace stores.
 *
 * Eight bytes a step through eight tables; no native code, so that it is the same in Lambda, Node and browsers.
 */

/** The polynomial 0x1EDC6F41 with its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLES = buildTables();

function buildTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc >>> 0;
  }
  for (let slice = 1; slice < 8; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const previous = tables[(slice - 1) * 256 + byte] as number;
      tables[slice * 256 + byte] = ((previous >>> 8) ^ (tables[previous & 0xff] as number)) >>> 0;
    }
  }
  return tables;
}

/**
 * The checksum of `bytes` from `start` to `end`, as an unsigned 32-bit number. With `seed`, the checksum so far, it goes
 * on where an earlier call ended.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  const tables = TABLES;
  let crc = ~seed;
  let position = start;
  for (const stop = end - 7; position < stop; position += 8) {
    crc ^=
      (bytes[position] as number) |
      ((bytes[position + 1] as number) << 8) |
      ((bytes[position + 2] as number) << 16) |
      ((bytes[position + 3] as number) << 24);
    crc =
      (tables[1792 + (crc & 0xff)] as number) ^
      (tables[1536 + ((crc >>> 8) & 0xff)] as number) ^
      (tables[1280 + ((crc >>> 16) & 0xff)] as number) ^
      (tables[1024 + (crc >>> 24)] as number) ^
      (tables[768 + (bytes[position + 4] as number)] as number) ^
      (tables[512 + (bytes[position + 5] as number)] as number) ^
      (tables[256 + (bytes[position + 6] as number)] as number) ^
      (tables[bytes[position + 7] as number] as number);
  }
  for (; position < end; position++) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[position] as number)) & 0xff] as number);
  return ~crc >>> 0;
}

/**
 * The checksum of A followed by B from the checksum of each and the length of B, without reading either again: appending
 * n zero bits is a linear map over GF(2), applied by repeated squaring in O(log n).
 */
export function crc32cCombine(crcOfA: number, crcOfB: number, lengthOfB: number): number {
  if (lengthOfB === 0) return crcOfA >>> 0;
  let power = squared(squared(oneZeroBit())); // four zero bits
  let crc = crcOfA;
  for (let bytes = lengthOfB; bytes > 0; bytes = Math.floor(bytes / 2)) {
    power = squared(power);
    if (bytes % 2 === 1) crc = multiply(power, crc);
  }
  return (crc ^ crcOfB) >>> 0;
}

/** A 32×32 matrix over GF(2), a column a word. */
type Matrix = Uint32Array;

function oneZeroBit(): Matrix {
  const matrix = new Uint32Array(32);
  matrix[0] = POLYNOMIAL;
  for (let column = 1; column < 32; column++) matrix[column] = 2 ** (column - 1);
  return matrix;
}

function multiply(matrix: Matrix, vector: number): number {
  let product = 0;
  for (let column = 0, rest = vector >>> 0; rest !== 0; column++, rest >>>= 1) {
    if (rest & 1) product ^= matrix[column] as number;
  }
  return product >>> 0;
}

function squared(matrix: Matrix): Matrix {
  return Uint32Array.from(matrix, (column) => multiply(matrix, column));
}
