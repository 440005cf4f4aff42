/**
 * The variable-length integers of Kafka's records: zigzag (0, −1, 1, −2 → 0, 1, 2, 3), then seven bits a byte, lowest
 * first, the high bit saying that more follow. A varint is an int32 in at most 5 bytes, a varlong an int64 in at most
 * 10.
 *
 * Varlongs carry timestamp differences only. Timestamps are safe integers here, so their differences are too (up to
 * ±2^53), and no bigint is needed: 64 bits are handled as two 32-bit halves.
 *
 * Like Kafka, reading accepts encodings longer than needed (zero bits on top); unlike Kafka it refuses bits beyond the
 * integer's width, which Kafka drops silently.
 */
import { MalformedBytesError } from '../../kernel/bytes.ts';

const TWO_32 = 2 ** 32;
/** Of a varlong's zigzag form, bits 28–55 where the integer is 2^53. */
const MIDDLE_MAX = 2 ** 26;

/** Bytes that `writeVarint` takes for an int32. */
export function sizeOfVarint(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : 5;
}

/** Writes an int32 and returns the position after it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = position;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Bytes that `writeVarlong` takes for an integer of at most ±2^53. */
export function sizeOfVarlong(value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return sizeOfVarint(value);
  // The zigzag form is 2·value, or −2·value − 1; halving by 2^7 is exact for doubles.
  let rest = value < 0 ? -value - 0.5 : value;
  let size = 1;
  while (rest >= 0x40) {
    rest /= 0x80;
    size++;
  }
  return size;
}

/** Writes an integer of at most ±2^53 and returns the position after it. */
export function writeVarlong(target: Uint8Array, position: number, value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return writeVarint(target, position, value);
  const valueHigh = Math.floor(value / TWO_32);
  const valueLow = (value - valueHigh * TWO_32) | 0;
  const sign = valueHigh >> 31;
  let high = (((valueHigh << 1) | (valueLow >>> 31)) ^ sign) >>> 0;
  let low = ((valueLow << 1) ^ sign) >>> 0;
  let at = position;
  while (high !== 0 || low >= 0x80) {
    target[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  target[at++] = low;
  return at;
}

/** Walks over varints and bytes of `source` up to `end`; every read checks that the bytes are there. */
export class VarintReader {
  readonly source: Uint8Array;
  position: number;
  readonly end: number;

  constructor(source: Uint8Array, position = 0, end = source.length) {
    this.source = source;
    this.position = position;
    this.end = end;
  }

  byte(): number {
    if (this.position >= this.end) throw endsEarly(this.position);
    return this.source[this.position++] as number;
  }

  varint(): number {
    const byte = this.byte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    return this.longVarint(byte);
  }

  varlong(): number {
    const byte = this.byte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    return this.longVarlong(byte);
  }

  /** Skips `length` bytes and returns where they begin. */
  skip(length: number): number {
    const start = this.position;
    if (length > this.end - start) {
      throw new MalformedBytesError(`${length} bytes are announced at byte ${start}, ${this.end - start} are left`);
    }
    this.position = start + length;
    return start;
  }

  private longVarint(first: number): number {
    const start = this.position - 1;
    let zigzag = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) break;
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    throw new MalformedBytesError(`the varint at byte ${start} is longer than 32 bits`);
  }

  private longVarlong(first: number): number {
    const start = this.position - 1;
    // Bits 0–27 in `low`, 28–55 in `middle`, 56–63 in `high`: each fits an int32.
    let low = first & 0x7f;
    let middle = 0;
    let high = 0;
    for (let index = 1; ; index++) {
      const byte = this.byte();
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (index * 7);
      else if (index < 8) middle |= bits << ((index - 4) * 7);
      else if (index === 8) high = bits;
      else if (byte > 1) throw new MalformedBytesError(`the varlong at byte ${start} is longer than 64 bits`);
      else high |= bits << 7;
      if (byte < 0x80) break;
    }
    // 2^53 itself is the difference between the largest timestamp and −1.
    if (high !== 0 || middle > MIDDLE_MAX || (middle === MIDDLE_MAX && low !== 0)) {
      throw new MalformedBytesError(`the varlong at byte ${start} is beyond ±2^53`);
    }
    const magnitude = (low >>> 1) + middle * 2 ** 27;
    return low & 1 ? -magnitude - 1 : magnitude;
  }
}

function endsEarly(position: number): MalformedBytesError {
  return new MalformedBytesError(`the bytes end at byte ${position}, inside a field`);
}
