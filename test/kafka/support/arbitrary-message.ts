/**
 * Messages with something in every field, for any API and version, without their schemas: the generated decoder asks a
 * reader for what it expects, and this reader makes it up.
 */
import type { WireReader } from '../../../lib/kafka/codec/reader.ts';
import { toBase64Url, utf8 } from '../../../lib/kernel/bytes.ts';
import type { Random } from '../../../lib/kernel/random.ts';

const ELEMENTS_MAX = 3;
/** No message has more. */
const TAGS_MAX = 10;
const TEXTS = ['', 'a', 'topic', 'ü', '日本', '😀', 'x'.repeat(200)];

type Decode<Message> = (reader: WireReader, version: number) => Message;

export interface Inventing {
  version: number;
  random: Random;
  /** Without, none of the tagged fields has anything in it. */
  tagged?: boolean;
  /** Without, all numbers of 16 bits are 0: mostly they are error codes, at which some clients stop reading. */
  errors?: boolean;
}

export function arbitraryMessage<Message>(decode: Decode<Message>, version: number, random: Random): Message {
  return inventMessage(decode, { version, random }).message;
}

/** A message, and everything that is in it as texts, in the order of the wire; bytes in base64. */
export function inventMessage<Message>(decode: Decode<Message>, inventing: Inventing) {
  const reader = new InventingReader(inventing);
  const message = decode(reader as unknown as WireReader, inventing.version);
  return { message, values: reader.values };
}

/** As `WireReader`, as far as generated decoders use it. */
class InventingReader implements Omit<WireReader, 'elements' | 'remaining' | 'end' | 'unsignedVarint'> {
  readonly values: string[] = [];
  readonly #random: Random;
  readonly #tagged: boolean;
  readonly #errors: boolean;

  constructor({ random, tagged = true, errors = true }: Inventing) {
    this.#random = random;
    this.#tagged = tagged;
    this.#errors = errors;
  }

  bool(): boolean {
    return this.#noted(this.#tossed());
  }

  int8(): number {
    return this.#noted(this.#integer(-128, 127));
  }

  int16(): number {
    return this.#noted(this.#errors ? this.#integer(-32_768, 32_767) : 0);
  }

  uint16(): number {
    return this.#noted(this.#integer(0, 65_535));
  }

  int32(): number {
    return this.#noted(this.#integer(-2_147_483_648, 2_147_483_647));
  }

  uint32(): number {
    return this.#noted(this.#integer(0, 4_294_967_295));
  }

  int64(): bigint {
    const high = BigInt(this.#integer(-2_147_483_648, 2_147_483_647));
    return this.#noted((high << 32n) | BigInt(this.#integer(0, 4_294_967_295)));
  }

  float64(): number {
    return this.#noted((this.#random.fraction() - 0.5) * 2 ** this.#integer(-30, 30));
  }

  uuid(): string {
    return this.#noted(toBase64Url(Uint8Array.from({ length: 16 }, () => this.#integer(0, 255))));
  }

  string(): string {
    return this.#noted(this.#text());
  }

  nullableString(): string | null {
    return this.#tossed() ? null : this.string();
  }

  bytes(): Uint8Array {
    const bytes = utf8(this.#text());
    this.#noted(Buffer.from(bytes).toString('base64'));
    return bytes;
  }

  nullableBytes(): Uint8Array | null {
    return this.#tossed() ? null : this.bytes();
  }

  array<Element>(_flexible: boolean, _elementBytesMin: number, element: () => Element): Element[] {
    return Array.from({ length: this.#integer(0, ELEMENTS_MAX) }, element);
  }

  nullableArray<Element>(flexible: boolean, elementBytesMin: number, element: () => Element): Element[] | null {
    return this.#tossed() ? null : this.array(flexible, elementBytesMin, element);
  }

  nullableStruct<Struct>(struct: () => Struct): Struct | null {
    return this.#tossed() ? null : struct();
  }

  taggedFields(read: (tag: number) => boolean = () => false): void {
    const tags = this.#tagged ? TAGS_MAX : 0;
    for (let tag = 0; tag < tags; tag++) if (this.#tossed()) read(tag);
  }

  #noted<Value extends string | number | bigint | boolean>(value: Value): Value {
    this.values.push(String(value));
    return value;
  }

  #tossed(): boolean {
    return this.#random.fraction() < 0.5;
  }

  #text(): string {
    return TEXTS[this.#integer(0, TEXTS.length - 1)] as string;
  }

  /** Often one of the ends. */
  #integer(min: number, max: number): number {
    const kind = this.#random.fraction();
    if (kind < 0.1) return min;
    if (kind < 0.2) return max;
    return min + Math.floor(this.#random.fraction() * (max - min + 1));
  }
}
