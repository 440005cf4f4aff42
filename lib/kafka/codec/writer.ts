/**
 * Writes the primitive types of Kafka's protocol. Small things are copied into blocks; records are passed on as they
 * are, so that what is written is a list of chunks, for one `writev` of the socket.
 *
 * A message may have tens of thousands of elements. A writer with a bound leaves the elements of longer arrays for
 * later, when they are written with breaks for other work (`takeInTurns`); what is to be written must not change until
 * then.
 */
import { assert } from '../../kernel/assert.ts';
import { fromBase64Url } from '../../kernel/bytes.ts';
import type { Turns } from '../../kernel/turns.ts';

const BLOCK_BYTES_MIN = 256;
const BLOCK_BYTES_MAX = 64 * 1024;
const UUID_BYTES = 16;
/** Kafka's readers take no longer text, and the older versions of a message cannot say more. */
const STRING_BYTES_MAX = 0x7fff;
/** Of UTF-8, of which one unit of JavaScript's texts becomes no more. */
const UNIT_BYTES_MAX = 3;

/** Whole record batches one after the other, in one piece or in several. */
export type Records = Uint8Array | readonly Uint8Array[];

export class WireWriter {
  #block = Buffer.allocUnsafe(BLOCK_BYTES_MIN);
  /** Where in the block what is not yet among the pieces begins, and ends. */
  #start = 0;
  #position = 0;
  #pieces: (Uint8Array | LeftElements)[] = [];
  #length = 0;
  readonly #elementsAtOnceMax: number;

  /** `elementsAtOnceMax`: those of longer arrays are left; such a writer's chunks are taken in turns. */
  constructor(elementsAtOnceMax = Number.POSITIVE_INFINITY) {
    this.#elementsAtOnceMax = elementsAtOnceMax;
  }

  /** All that was written, in chunks. The writer begins anew. */
  take(): Uint8Array[] {
    return this.#takePieces().map((piece) => {
      assert(piece instanceof Uint8Array, 'nothing is left to be written');
      return piece;
    });
  }

  /** The same, after what was left is written as well. */
  async takeInTurns(turns: Turns): Promise<Uint8Array[]> {
    const chunks: Uint8Array[] = [];
    for (const piece of this.#takePieces()) {
      if (piece instanceof Uint8Array) {
        chunks.push(piece);
        continue;
      }
      while (piece.next().done !== true) {
        const turn = turns.ownTurn();
        if (turn !== undefined) await turn;
      }
      // Elements have arrays, of which some may be left in turn.
      for (const chunk of await this.takeInTurns(turns)) chunks.push(chunk);
    }
    return chunks;
  }

  /** Bytes that were written, without what is left. */
  get length(): number {
    return this.#length + this.#position - this.#start;
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int8(value: number): void {
    const at = this.#room(1);
    this.#block.writeInt8(value, at);
  }

  int16(value: number): void {
    const at = this.#room(2);
    this.#block.writeInt16BE(value, at);
  }

  uint16(value: number): void {
    const at = this.#room(2);
    this.#block.writeUInt16BE(value, at);
  }

  int32(value: number): void {
    const at = this.#room(4);
    this.#block.writeInt32BE(value, at);
  }

  uint32(value: number): void {
    const at = this.#room(4);
    this.#block.writeUInt32BE(value, at);
  }

  int64(value: bigint): void {
    const at = this.#room(8);
    this.#block.writeBigInt64BE(value, at);
  }

  float64(value: number): void {
    const at = this.#room(8);
    this.#block.writeDoubleBE(value, at);
  }

  /** From Kafka's text form, 22 characters of base64url. */
  uuid(value: string): void {
    const bytes = fromBase64Url(value);
    assert(bytes?.length === UUID_BYTES, `${value} is a UUID`);
    const at = this.#room(UUID_BYTES);
    this.#block.set(bytes, at);
  }

  unsignedVarint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      const at = this.#room(1);
      this.#block[at] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 128);
    }
    const at = this.#room(1);
    this.#block[at] = rest;
  }

  /**
   * A text that is too long is cut: names are not, and a sentence is that repeats a long one, to a client that would
   * not read it otherwise.
   */
  string(value: string | null, flexible: boolean): void {
    if (value === null) {
      this.#length16(-1, flexible);
      return;
    }
    const length = Buffer.byteLength(value);
    if (length > STRING_BYTES_MAX) {
      this.string(value.slice(0, STRING_BYTES_MAX / UNIT_BYTES_MAX), flexible);
      return;
    }
    this.#length16(length, flexible);
    const at = this.#room(length);
    this.#block.write(value, at, length, 'utf8');
  }

  bytes(value: Uint8Array | null, flexible: boolean): void {
    this.#length32(value?.length ?? -1, flexible);
    if (value === null) return;
    const at = this.#room(value.length);
    this.#block.set(value, at);
  }

  /** Their bytes are not copied: they must not change before they are sent. */
  records(value: Records | null, flexible: boolean): void {
    const pieces = value === null || value instanceof Uint8Array ? [value ?? new Uint8Array()] : value;
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#length32(value === null ? -1 : length, flexible);
    if (length === 0) return;
    this.#cut();
    this.#pieces.push(...pieces);
    this.#length += length;
  }

  array<Element>(elements: readonly Element[] | null, flexible: boolean, element: (element: Element) => void): void {
    this.#length32(elements?.length ?? -1, flexible);
    if (elements !== null && elements.length > this.#elementsAtOnceMax) {
      this.#cut();
      this.#pieces.push(eachWritten(elements, element));
      return;
    }
    for (const each of elements ?? []) element(each);
  }

  nullableStruct<Struct>(struct: Struct | null, write: (struct: Struct) => void): void {
    this.int8(struct === null ? -1 : 1);
    if (struct !== null) write(struct);
  }

  /** Tagged fields (KIP-482) that are to be written, in the order of their tags. */
  taggedFields(fields: readonly TaggedField[] = []): void {
    this.unsignedVarint(fields.length);
    for (const { tag, write } of fields) {
      const inner = new WireWriter();
      write(inner);
      this.unsignedVarint(tag);
      this.unsignedVarint(inner.length);
      for (const chunk of inner.take()) {
        const at = this.#room(chunk.length);
        this.#block.set(chunk, at);
      }
    }
  }

  #length16(length: number, flexible: boolean): void {
    if (flexible) this.unsignedVarint(length + 1);
    else this.int16(length);
  }

  #length32(length: number, flexible: boolean): void {
    if (flexible) this.unsignedVarint(length + 1);
    else this.int32(length);
  }

  /** Where the next so many bytes go. */
  #room(bytes: number): number {
    if (this.#position + bytes > this.#block.length) {
      this.#cut();
      const usual = Math.min(BLOCK_BYTES_MAX, 2 * this.#block.length);
      this.#block = Buffer.allocUnsafe(Math.max(usual, bytes));
      this.#start = 0;
      this.#position = 0;
    }
    const at = this.#position;
    this.#position += bytes;
    return at;
  }

  #takePieces(): (Uint8Array | LeftElements)[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#length = 0;
    return pieces;
  }

  /** Puts what stands in the block among the pieces. */
  #cut(): void {
    if (this.#position === this.#start) return;
    this.#pieces.push(this.#block.subarray(this.#start, this.#position));
    this.#length += this.#position - this.#start;
    this.#start = this.#position;
  }
}

/** Writes another element each time. */
type LeftElements = Generator<undefined, void>;

function* eachWritten<Element>(elements: readonly Element[], element: (element: Element) => void): LeftElements {
  for (const each of elements) {
    element(each);
    yield undefined;
  }
}

export interface TaggedField {
  tag: number;
  write: (writer: WireWriter) => void;
}
