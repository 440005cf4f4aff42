/**
 * Reads the primitive types of Kafka's protocol from one frame (https://kafka.apache.org/protocol#protocol_types).
 *
 * Nothing is allocated on the word of a length: what is longer than the rest of the frame is refused before it is made.
 * Bytes and records are parts of the frame, not copies.
 */
import { toBase64Url } from '../../kernel/bytes.ts';
import { WireFormatError } from './wire-format-error.ts';

const UUID_BYTES = 16;
/** A variable-length number of 32 bits takes no more. */
const VARINT_BYTES_MAX = 5;
/** Of a text, whatever its length could say: as in Kafka. The older versions of a message cannot say more. */
const STRING_BYTES_MAX = 0x7fff;
/** A byte that is not UTF-8 becomes so many when its text is written again. */
const REPLACEMENT_BYTES = 3;

/** "None", where the protocol has no null for ids. */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

export class WireReader {
  readonly #bytes: Buffer;
  #position = 0;
  readonly #elementsMax: number;
  #elements = 0;

  /** `elementsMax`: of all arrays together; what an element becomes is much larger than what it takes in a frame. */
  constructor(bytes: Uint8Array, elementsMax = Number.POSITIVE_INFINITY) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#elementsMax = elementsMax;
  }

  /** Of all arrays that were read. */
  get elements(): number {
    return this.#elements;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  bool(): boolean {
    return this.#bytes[this.#take(1)] !== 0;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  float64(): number {
    return this.#bytes.readDoubleBE(this.#take(8));
  }

  /** In Kafka's text form, 22 characters of base64url. */
  uuid(): string {
    const start = this.#take(UUID_BYTES);
    return toBase64Url(this.#bytes.subarray(start, start + UUID_BYTES));
  }

  unsignedVarint(): number {
    let value = 0;
    for (let index = 0; index < VARINT_BYTES_MAX; index += 1) {
      const byte = this.#bytes[this.#take(1)] as number;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw new WireFormatError('a variable-length number has more than 32 bits');
  }

  string(flexible: boolean): string {
    return this.nullableString(flexible) ?? refuseNull('a string');
  }

  nullableString(flexible: boolean): string | null {
    const length = flexible ? this.unsignedVarint() - 1 : this.int16();
    if (length < 0) return checkNull(length);
    const start = this.#take(length);
    if (length > STRING_BYTES_MAX) refuseText();
    const text = this.#bytes.toString('utf8', start, start + length);
    // Much of what is read is told again in an answer.
    if (length * REPLACEMENT_BYTES > STRING_BYTES_MAX && Buffer.byteLength(text) > STRING_BYTES_MAX) refuseText();
    return text;
  }

  bytes(flexible: boolean): Uint8Array {
    return this.nullableBytes(flexible) ?? refuseNull('bytes');
  }

  nullableBytes(flexible: boolean): Uint8Array | null {
    const length = flexible ? this.unsignedVarint() - 1 : this.int32();
    if (length < 0) return checkNull(length);
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** `elementBytesMin`: what one element takes at least. */
  array<Element>(flexible: boolean, elementBytesMin: number, element: () => Element): Element[] {
    return this.nullableArray(flexible, elementBytesMin, element) ?? refuseNull('an array');
  }

  nullableArray<Element>(flexible: boolean, elementBytesMin: number, element: () => Element): Element[] | null {
    const length = flexible ? this.unsignedVarint() - 1 : this.int32();
    if (length < 0) return checkNull(length);
    if (length * elementBytesMin > this.remaining) {
      throw new WireFormatError(
        `an array of ${length} elements does not fit the ${this.remaining} bytes that are left`,
      );
    }
    this.#elements += length;
    if (this.#elements > this.#elementsMax) throw new WireFormatError('a message has too many elements');
    const elements: Element[] = [];
    for (let index = 0; index < length; index += 1) elements.push(element());
    return elements;
  }

  nullableStruct<Struct>(struct: () => Struct): Struct | null {
    return this.int8() < 0 ? null : struct();
  }

  /** Tagged fields (KIP-482). `read` reads the field of a tag that it knows and says so; any other is passed over. */
  taggedFields(read: (tag: number) => boolean = unknownTag): void {
    let previous = -1;
    for (let left = this.unsignedVarint(); left > 0; left -= 1) {
      const tag = this.unsignedVarint();
      const length = this.unsignedVarint();
      if (tag <= previous) throw new WireFormatError(`the tag ${tag} follows the tag ${previous}`);
      previous = tag;
      const end = this.#position + length;
      if (length > this.remaining) throw new WireFormatError(`the tagged field ${tag} is longer than its message`);
      if (!read(tag)) this.#position = end;
      if (this.#position !== end) throw new WireFormatError(`the tagged field ${tag} has another length than it says`);
    }
  }

  #take(length: number): number {
    const start = this.#position;
    if (length > this.#bytes.length - start) {
      throw new WireFormatError(`${length} bytes are announced where ${this.remaining} are left`);
    }
    this.#position = start + length;
    return start;
  }
}

function unknownTag(): boolean {
  return false;
}

function checkNull(length: number): null {
  if (length < -1) throw new WireFormatError(`a length is ${length}`);
  return null;
}

function refuseText(): never {
  throw new WireFormatError(`a text has more than ${STRING_BYTES_MAX} bytes`);
}

function refuseNull(what: string): never {
  throw new WireFormatError(`${what} is null where the protocol allows none`);
}
