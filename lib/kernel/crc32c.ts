/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of Kafka's record batches and of everything Millrace
 * stores.
 *
 * Sixteen bytes a step through sixteen tables; no native code, so that it is the same in Lambda, Node and browsers.
 * Every stored byte goes through here when it is written and when it is read back, which is why it reads words.
 */

/** The polynomial 0x1EDC6F41 with its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

/** Bytes a step, and so tables. */
const SLICES = 16;
/** Below this a view of words costs more than it saves. */
const WORDS_BYTES_MIN = 64;

/** Signed, because that is what the machine's word is: unsigned values would each be widened to a double. */
const TABLES = buildTables();

/**
 * A word's first byte is its lowest on every machine that Node is commonly run on; on others the bytes are read singly.
 */
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

function buildTables(): Int32Array {
  const tables = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let slice = 1; slice < SLICES; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const previous = tables[(slice - 1) * 256 + byte] as number;
      tables[slice * 256 + byte] = (previous >>> 8) ^ (tables[previous & 0xff] as number);
    }
  }
  return tables;
}

/**
 * The checksum of `bytes` from `start` to `end`, as an unsigned 32-bit number. With `seed`, the checksum so far, it
 * goes on where an earlier call ended.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  let crc = ~seed;
  let position = start;
  if (LITTLE_ENDIAN && end - start >= WORDS_BYTES_MIN) {
    const aligned = start + (-(bytes.byteOffset + start) & 3);
    crc = byBytes(bytes, start, aligned, crc);
    const steps = Math.floor((end - aligned) / SLICES);
    crc = byWords(new Int32Array(bytes.buffer, bytes.byteOffset + aligned, steps * 4), crc);
    position = aligned + steps * SLICES;
  }
  return ~byBytes(bytes, position, end, crc) >>> 0;
}

function byBytes(bytes: Uint8Array, start: number, end: number, before: number): number {
  const tables = TABLES;
  let crc = before;
  for (let position = start; position < end; position++) {
    crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[position] as number)) & 0xff] as number);
  }
  return crc;
}

/** Four words a step: the byte that is n bytes from the step's end goes through table n. */
function byWords(words: Int32Array, before: number): number {
  const tables = TABLES;
  let crc = before;
  for (let index = 0; index < words.length; index += 4) {
    const a = (words[index] as number) ^ crc;
    const b = words[index + 1] as number;
    const c = words[index + 2] as number;
    const d = words[index + 3] as number;
    crc =
      (tables[3840 + (a & 0xff)] as number) ^
      (tables[3584 + ((a >>> 8) & 0xff)] as number) ^
      (tables[3328 + ((a >>> 16) & 0xff)] as number) ^
      (tables[3072 + (a >>> 24)] as number) ^
      (tables[2816 + (b & 0xff)] as number) ^
      (tables[2560 + ((b >>> 8) & 0xff)] as number) ^
      (tables[2304 + ((b >>> 16) & 0xff)] as number) ^
      (tables[2048 + (b >>> 24)] as number) ^
      (tables[1792 + (c & 0xff)] as number) ^
      (tables[1536 + ((c >>> 8) & 0xff)] as number) ^
      (tables[1280 + ((c >>> 16) & 0xff)] as number) ^
      (tables[1024 + (c >>> 24)] as number) ^
      (tables[768 + (d & 0xff)] as number) ^
      (tables[512 + ((d >>> 8) & 0xff)] as number) ^
      (tables[256 + ((d >>> 16) & 0xff)] as number) ^
      (tables[d >>> 24] as number);
  }
  return crc;
}

/**
 * The checksum of A followed by B from the checksum of each and the length of B, without reading either again:
 * appending n zero bytes is a linear map over GF(2), made of the maps for the powers of two that n is the sum of.
 */
export function crc32cCombine(crcOfA: number, crcOfB: number, lengthOfB: number): number {
  if (crcOfA === 0) return crcOfB >>> 0; // a linear map leaves nothing of nothing
  let crc = crcOfA;
  let power = 0;
  for (let bytes = lengthOfB; bytes > 0; bytes = Math.floor(bytes / 2), power++) {
    if (bytes % 2 === 1) crc = applied(zeroBytes(power), crc);
  }
  return lengthOfB === 0 ? crcOfA >>> 0 : (crc ^ crcOfB) >>> 0;
}

/**
 * A linear map of 32-bit words over GF(2): what it makes of each value of each of a word's four bytes, lowest byte
 * first.
 */
type LinearMap = Int32Array;

function applied(map: LinearMap, word: number): number {
  return (
    (map[word & 0xff] as number) ^
    (map[256 + ((word >>> 8) & 0xff)] as number) ^
    (map[512 + ((word >>> 16) & 0xff)] as number) ^
    (map[768 + (word >>> 24)] as number)
  );
}

/** The maps for 2⁰, 2¹, 2² … zero bytes, made when they are first needed; at most 53, the bits of a length. */
const zeroByteMaps: LinearMap[] = [];

function zeroBytes(power: number): LinearMap {
  while (zeroByteMaps.length <= power) {
    const last = zeroByteMaps.at(-1);
    const next = last === undefined ? afterZeroByte : (word: number) => applied(last, applied(last, word));
    zeroByteMaps.push(linearMap(next));
  }
  return zeroByteMaps[power] as LinearMap;
}

function afterZeroByte(crc: number): number {
  return (crc >>> 8) ^ (TABLES[crc & 0xff] as number);
}

/** `of` must be linear: what it makes of the single bits says what it makes of everything. */
function linearMap(of: (word: number) => number): LinearMap {
  const map = new Int32Array(1_024);
  for (let byte = 0; byte < 4; byte++) {
    for (let bit = 0; bit < 8; bit++) {
      const image = of(1 << (byte * 8 + bit));
      const place = 1 << bit;
      for (let value = 0; value < place; value++) {
        map[byte * 256 + place + value] = (map[byte * 256 + value] as number) ^ image;
      }
    }
  }
  return map;
}
