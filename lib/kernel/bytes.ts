/** Byte work that every format shares: big-endian integers (Kafka's order), varints, text and hex. */
import { assert } from './assert.ts';

export const EMPTY_BYTES = new Uint8Array(0);

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text, or `undefined` where the bytes are not valid UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const joined = new Uint8Array(length);
  let position = 0;
  for (const chunk of chunks) {
    joined.set(chunk, position);
    position += chunk.length;
  }
  return joined;
}

/**
 * Gives the memory of bytes back at once, for who knows that nobody looks at them any more (they become empty). V8
 * would find out at its next full collection, and makes one for every 64 MB of buffers: a third of a produce request's
 * time. A part of a buffer goes when all parts of it have been given back, each once, where `bufferOfParts` or
 * `releaseWithParts` has said which they are; otherwise nothing happens.
 */
export function releaseBytes({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer)) return;
  if (byteLength < buffer.byteLength) {
    const before = unreleased.get(buffer);
    if (before === undefined) return;
    unreleased.set(buffer, before - byteLength);
    if (before > byteLength) return;
  }
  buffer.transfer(0);
}

/** One allocation for several byte arrays, which shall be its parts without anything between them. */
export function bufferOfParts(bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  unreleased.set(whole.buffer, bytes);
  return whole;
}

/**
 * Nothing else of the memory that these lie in will be looked at: it goes when each of them has been given back, once.
 */
export function releaseWithParts(parts: readonly Uint8Array[]): void {
  let bytes = 0;
  let memory: ArrayBufferLike | undefined;
  for (const { buffer, byteLength } of parts) {
    if (byteLength === 0) continue;
    memory ??= buffer;
    assert(buffer === memory, 'the parts lie in the same memory');
    bytes += byteLength;
  }
  if (memory instanceof ArrayBuffer) unreleased.set(memory, bytes);
}

const unreleased = new WeakMap<ArrayBuffer, number>();

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** −1, 0 or 1 by unsigned bytes, the order of DynamoDB's binary values. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return Math.sign(difference);
  }
  return Math.sign(a.length - b.length);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i] as number];
  return text;
}

/** The bytes of lower- or upper-case hex, or `undefined` where it is not hex. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Unpadded base64url (RFC 4648 §5), for ids; bodies use the platform's own codec. */
export function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = Math.min(4, bytes.length - i + 1);
    for (let digit = 0; digit < digits; digit++) text += BASE64URL[(group >> (18 - digit * 6)) & 63];
  }
  return text;
}

/** The bytes of unpadded base64url, or `undefined` where the text is not the canonical form of any bytes. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let group = 0;
  let bits = 0;
  let position = 0;
  for (const character of text) {
    const digit = BASE64URL.indexOf(character);
    if (digit < 0) return undefined;
    group = ((group << 6) | digit) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[position++] = (group >> bits) & 0xff;
    }
  }
  return toBase64Url(bytes) === text ? bytes : undefined;
}

export function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Thrown by `ByteReader` where the input ends early or a number cannot be one; decoders turn it into their own error.
 */
export class MalformedBytesError extends Error {
  override readonly name = 'MalformedBytesError';
}

/** Grows as it is written to. All integers are big-endian. */
export class ByteWriter {
  private buffer: Uint8Array;
  private view: DataView;
  private position = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(Math.max(16, capacity));
    this.view = dataView(this.buffer);
  }

  get length(): number {
    return this.position;
  }

  u8(value: number): this {
    this.reserve(1);
    this.buffer[this.position++] = value;
    return this;
  }

  u16(value: number): this {
    this.reserve(2);
    this.view.setUint16(this.position, value);
    this.position += 2;
    return this;
  }

  u32(value: number): this {
    this.reserve(4);
    this.view.setUint32(this.position, value);
    this.position += 4;
    return this;
  }

  i32(value: number): this {
    return this.u32(value);
  }

  /** Six bytes hold every millisecond timestamp until the year 10889. */
  u48(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0 && value < 2 ** 48, `${value} does not fit 48 bits`);
    this.u16(Math.floor(value / 2 ** 32));
    return this.u32(value % 2 ** 32);
  }

  i64(value: bigint): this {
    this.reserve(8);
    this.view.setBigInt64(this.position, value);
    this.position += 8;
    return this;
  }

  /** Unsigned LEB128 of a non-negative safe integer. */
  unsignedVarint(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, `${value} is not an unsigned varint`);
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.position++] = rest;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
    return this;
  }

  /** A view of what was written; valid until the next write. */
  written(): Uint8Array {
    return this.buffer.subarray(0, this.position);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.position);
  }

  private reserve(length: number): void {
    if (this.position + length <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.position + length));
    grown.set(this.buffer.subarray(0, this.position));
    this.buffer = grown;
    this.view = dataView(grown);
  }
}

/** Reads what `ByteWriter` writes; every read checks that the bytes are there. */
export class ByteReader {
  private readonly source: Uint8Array;
  private readonly view: DataView;
  position: number;

  constructor(source: Uint8Array, position = 0) {
    this.source = source;
    this.view = dataView(source);
    this.position = position;
  }

  get remaining(): number {
    return this.source.length - this.position;
  }

  u8(): number {
    return this.source[this.advance(1)] as number;
  }

  u16(): number {
    return this.view.getUint16(this.advance(2));
  }

  u32(): number {
    return this.view.getUint32(this.advance(4));
  }

  i32(): number {
    return this.view.getInt32(this.advance(4));
  }

  u48(): number {
    return this.u16() * 2 ** 32 + this.u32();
  }

  i64(): bigint {
    return this.view.getBigInt64(this.advance(8));
  }

  unsignedVarint(): number {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 8; index++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new MalformedBytesError('a varint is beyond 2^53');
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedBytesError('a varint is longer than 8 bytes');
  }

  /** A view into the source, not a copy. */
  bytes(length: number): Uint8Array {
    const start = this.advance(length);
    return this.source.subarray(start, start + length);
  }

  private advance(length: number): number {
    if (length > this.remaining) {
      throw new MalformedBytesError(`${length} bytes wanted at position ${this.position}, ${this.remaining} are left`);
    }
    const start = this.position;
    this.position += length;
    return start;
  }
}
