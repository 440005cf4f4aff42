/**
 * Walks one JSON text byte by byte (RFC 8259) and builds only what is asked for.
 *
 * The door uses it in place of `JSON.parse` for three reasons. Record values that are objects, arrays or numbers are
 * stored as the text that was sent, so that a number of 30 digits stays one. Duplicate keys and depth are seen while
 * walking. And a record's string goes from the request's buffer into the batch without becoming a JavaScript string.
 *
 * The bytes must be valid UTF-8; whoever makes a scanner has checked that. No method recurses, so nesting costs no
 * stack; `requestLimits.jsonDepthMax` bounds it.
 */
import { Buffer } from 'node:buffer';
import { requestLimits } from '../../kernel/limits/requests.ts';

/** The text is not JSON, or nests deeper than is taken here. `position` counts bytes. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
  readonly position: number;

  constructor(what: string, position: number) {
    super(what);
    this.position = position;
  }
}

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

const END = -1;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const LETTER_U = 0x75;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** 1 for the bytes at which the plain content of a string ends: the quote, the backslash and control characters. */
const ENDS_PLAIN = new Uint8Array(256).fill(1, 0, 0x20);
ENDS_PLAIN[QUOTE] = 1;
ENDS_PLAIN[BACKSLASH] = 1;

/**
 * Whether none of a word's four bytes ends plain content. By the usual trick: subtracting carries into a byte's top bit
 * where it was smaller. A byte above one that does may be taken for one too, which is looked at again byte by byte.
 */
function isPlain(word: number): boolean {
  const quotes = word ^ 0x22222222;
  const backslashes = word ^ 0x5c5c5c5c;
  const ends =
    ((word - 0x20202020) & ~word) | ((quotes - 0x01010101) & ~quotes) | ((backslashes - 0x01010101) & ~backslashes);
  return (ends & 0x80808080) === 0;
}

/** Strings of up to so many bytes, such as most keys, are done before reading by words pays. */
const SHORT_BYTES = 16;

/** What may follow a backslash, but for `u`. */
const SIMPLE_ESCAPES = new Set(Buffer.from('"\\/bfnrt'));

/** How many keys a scanner remembers, and how long ones. */
const REMEMBERED_KEYS = 16;
const REMEMBERED_KEY_LENGTH = 32;

export class JsonScanner {
  private readonly source: Buffer;
  private readonly end: number;
  /** The bytes below and around the source, four at a time; `base` is where the source begins in them. */
  private readonly words: Int32Array;
  private readonly base: number;
  /** Keys seen so far, all ASCII, and where. */
  private readonly keys: { start: number; text: string }[] = [];
  private depth = 0;
  /** Of each container around the value that `skip` is at, by depth: 1 for an array. */
  private readonly inArray = new Uint8Array(requestLimits.jsonDepthMax + 1);
  /** White space bytes passed so far. */
  private spaces = 0;
  position: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.words = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2);
    this.base = bytes.byteOffset;
    this.position = start;
    this.end = end;
  }

  /** What the next value begins as; nothing but white space is passed. */
  kind(): JsonKind {
    const byte = this.peek();
    switch (byte) {
      case OPEN_OBJECT:
        return 'object';
      case OPEN_ARRAY:
        return 'array';
      case QUOTE:
        return 'string';
      case 0x74: // t
      case 0x66: // f
        return 'boolean';
      case 0x6e: // n
        return 'null';
      default:
        if (byte === MINUS || isDigit(byte)) return 'number';
        throw this.unexpected('a value');
    }
  }

  /**
   * An object's keys, one after the other: `for (let key = s.firstKey(); key !== undefined; key = s.nextKey())` with a
   * body that passes the value. A key with half of a surrogate pair is refused.
   */
  firstKey(): string | undefined {
    return this.open(OPEN_OBJECT, CLOSE_OBJECT) ? this.key() : undefined;
  }

  nextKey(): string | undefined {
    return this.more(CLOSE_OBJECT) ? this.key() : undefined;
  }

  /** Likewise for an array: whether there is a first, or another, element. */
  firstElement(): boolean {
    return this.open(OPEN_ARRAY, CLOSE_ARRAY);
  }

  nextElement(): boolean {
    return this.more(CLOSE_ARRAY);
  }

  /** The text of a string; `undefined` where it holds half of a surrogate pair, which UTF-8 cannot express. */
  string(): string | undefined {
    this.peek();
    const start = this.position;
    return this.skipString() ? this.unescaped(start) : this.source.toString('utf8', start + 1, this.position - 1);
  }

  /** The UTF-8 bytes of a string: a view of the source where nothing is escaped. `undefined` as for `string`. */
  stringBytes(): Uint8Array | undefined {
    this.peek();
    const start = this.position;
    if (!this.skipString()) return this.source.subarray(start + 1, this.position - 1);
    const text = this.unescaped(start);
    return text === undefined ? undefined : Buffer.from(text, 'utf8');
  }

  /** A number as a double, which may have rounded it. */
  number(): number {
    this.peek();
    const start = this.position;
    this.skipNumber();
    return Number(this.source.toString('latin1', start, this.position));
  }

  /** `true`, `false` or `null`. */
  literal(): boolean | null {
    switch (this.peek()) {
      case 0x74:
        this.word('true');
        return true;
      case 0x66:
        this.word('false');
        return false;
      default:
        this.word('null');
        return null;
    }
  }

  /** Passes one value of any kind and checks it. An object value comes by here with each of its tokens. */
  skip(): void {
    const outer = this.depth;
    for (;;) {
      const byte = this.peek();
      if (byte === QUOTE) {
        this.skipString();
      } else if (byte === OPEN_OBJECT) {
        if (this.open(OPEN_OBJECT, CLOSE_OBJECT)) {
          this.inArray[this.depth] = 0;
          this.skipKey();
          continue;
        }
      } else if (byte === OPEN_ARRAY) {
        if (this.open(OPEN_ARRAY, CLOSE_ARRAY)) {
          this.inArray[this.depth] = 1;
          continue;
        }
      } else if (isDigit(byte) || byte === MINUS) {
        this.skipNumber();
      } else {
        this.skipLiteral();
      }
      // A value has ended, and with it every container of which it was the last.
      for (;;) {
        if (this.depth === outer) return;
        if (this.inArray[this.depth] === 1) {
          if (this.more(CLOSE_ARRAY)) break;
        } else if (this.more(CLOSE_OBJECT)) {
          this.skipKey();
          break;
        }
      }
    }
  }

  /** The text of one value of any kind, as it was sent but for the white space between its tokens. */
  text(): Uint8Array {
    this.peek();
    const start = this.position;
    const spacesBefore = this.spaces;
    this.skip();
    const text = this.source.subarray(start, this.position);
    return this.spaces === spacesBefore ? text : withoutSpaces(text);
  }

  /** Only white space may be left. */
  finish(): void {
    if (this.peek() !== END) throw this.unexpected('the end');
  }

  /** Passes the opening bracket, and the closing one where it follows at once; then there is nothing inside. */
  private open(opening: number, closing: number): boolean {
    if (this.peek() !== opening) throw this.unexpected(`"${String.fromCharCode(opening)}"`);
    if (this.depth === requestLimits.jsonDepthMax) {
      throw new JsonTextError(`nests deeper than ${requestLimits.jsonDepthMax} levels`, this.position);
    }
    this.position++;
    if (this.peek() === closing) {
      this.position++;
      return false;
    }
    this.depth++;
    return true;
  }

  /** Passes a comma, or the closing bracket. */
  private more(closing: number): boolean {
    const byte = this.peek();
    if (byte !== COMMA && byte !== closing) throw this.unexpected(`"," or "${String.fromCharCode(closing)}"`);
    this.position++;
    if (byte === COMMA) return true;
    this.depth--;
    return false;
  }

  private key(): string {
    if (this.peek() !== QUOTE) throw this.unexpected('a key');
    const start = this.position;
    const key = this.skipString() ? this.unescaped(start) : this.keyText(start + 1, this.position - 1);
    if (key === undefined) throw new JsonTextError('holds half of a surrogate pair in a key', start);
    this.colon();
    return key;
  }

  /** Objects in an array have the same keys: finding the text of one seen before takes less than decoding it again. */
  private keyText(start: number, end: number): string {
    const length = end - start;
    for (const known of this.keys) {
      if (known.text.length === length && this.isSame(known.start, start, length)) return known.text;
    }
    const text = this.source.toString('utf8', start, end);
    const ascii = text.length === length;
    if (ascii && length <= REMEMBERED_KEY_LENGTH && this.keys.length < REMEMBERED_KEYS) this.keys.push({ start, text });
    return text;
  }

  private isSame(a: number, b: number, length: number): boolean {
    for (let index = 0; index < length; index++) if (this.source[a + index] !== this.source[b + index]) return false;
    return true;
  }

  /** The text of a string from its opening quote to the position. `undefined` as for `string`. */
  private unescaped(start: number): string | undefined {
    const text = JSON.parse(this.source.toString('utf8', start, this.position)) as string;
    return text.isWellFormed() ? text : undefined;
  }

  private skipLiteral(): void {
    this.kind(); // refuses what begins no value
    this.literal();
  }

  private skipKey(): void {
    if (this.peek() !== QUOTE) throw this.unexpected('a key');
    this.skipString();
    this.colon();
  }

  private colon(): void {
    if (this.peek() !== COLON) throw this.unexpected('":"');
    this.position++;
  }

  /** The next byte that is not white space; −1 at the end. */
  private peek(): number {
    const { source, end } = this;
    for (; this.position < end; this.position++, this.spaces++) {
      const byte = source[this.position] as number;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
    }
    return END;
  }

  /** True when something in the string is escaped. */
  private skipString(): boolean {
    let position = this.position + 1;
    let escaped = false;
    for (;;) {
      position = this.plainEnd(position);
      this.position = position;
      const byte = this.at(position);
      if (byte === QUOTE) {
        this.position++;
        return escaped;
      }
      if (byte !== BACKSLASH) throw this.unexpected('the rest of a string');
      escaped = true;
      position = this.afterEscape();
    }
  }

  /** Where the plain content of a string ends. */
  private plainEnd(from: number): number {
    const { source, end } = this;
    const short = Math.min(end, from + SHORT_BYTES);
    let position = from;
    while (position < short && ENDS_PLAIN[source[position] as number] === 0) position++;
    return position < short ? position : this.longPlainEnd(position);
  }

  /** The hot loop of a produce request, hence four bytes a step. */
  private longPlainEnd(from: number): number {
    const { source, end, words, base } = this;
    let position = from;
    const aligned = Math.min(end, from + (-(from + base) & 3));
    while (position < aligned && ENDS_PLAIN[source[position] as number] === 0) position++;
    if (position === aligned) {
      let word = (aligned + base) >> 2;
      const lastWord = (end + base) >> 2;
      while (word < lastWord && isPlain(words[word] as number)) word++;
      position = Math.max(aligned, (word << 2) - base);
    }
    while (position < end && ENDS_PLAIN[source[position] as number] === 0) position++;
    return position;
  }

  private afterEscape(): number {
    const { source, end, position } = this;
    const letter = position + 1 < end ? (source[position + 1] as number) : END;
    if (SIMPLE_ESCAPES.has(letter)) return position + 2;
    if (
      letter === LETTER_U &&
      position + 6 <= end &&
      /^[0-9a-f]{4}$/i.test(source.toString('latin1', position + 2, position + 6))
    ) {
      return position + 6;
    }
    throw this.unexpected('an escape sequence');
  }

  private skipNumber(): void {
    if (this.at(this.position) === MINUS) this.position++;
    if (this.at(this.position) === ZERO) this.position++;
    else this.digits();
    if (this.at(this.position) === POINT) {
      this.position++;
      this.digits();
    }
    const exponent = this.at(this.position);
    if (exponent === 0x65 || exponent === 0x45) {
      this.position++;
      const sign = this.at(this.position);
      if (sign === PLUS || sign === MINUS) this.position++;
      this.digits();
    }
  }

  private digits(): void {
    const { source, end } = this;
    let position = this.position;
    while (position < end && isDigit(source[position] as number)) position++;
    if (position === this.position) throw this.unexpected('a digit');
    this.position = position;
  }

  private word(word: string): void {
    for (let index = 0; index < word.length; index++, this.position++) {
      if (this.at(this.position) !== word.charCodeAt(index)) throw this.unexpected(`"${word}"`);
    }
  }

  private at(position: number): number {
    return position < this.end ? (this.source[position] as number) : END;
  }

  private unexpected(expected: string): JsonTextError {
    return new JsonTextError(
      this.position < this.end ? `has something else where ${expected} must be` : `ends where ${expected} must be`,
      this.position,
    );
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** A checked JSON text without the white space outside its strings. */
function withoutSpaces(text: Uint8Array): Uint8Array {
  const compact = Buffer.allocUnsafe(text.length);
  let length = 0;
  let inString = false;
  for (let position = 0; position < text.length; position++) {
    const byte = text[position] as number;
    if (inString) {
      compact[length++] = byte;
      if (byte === BACKSLASH) compact[length++] = text[++position] as number;
      else if (byte === QUOTE) inString = false;
    } else if (byte > 0x20) {
      compact[length++] = byte;
      inString = byte === QUOTE;
    }
  }
  return compact.subarray(0, length);
}
