/**
 * Frames of Kafka's protocol: four bytes that say how many follow, and those.
 *
 * A frame's memory grows with what has come of it, not with what was announced; bytes that come one by one are put
 * together, since each piece costs more than it holds. Frames are cut only when they are asked for: a thousand tiny
 * ones in one piece cost nothing before.
 */
import { concatBytes, releaseBytes } from '../../kernel/bytes.ts';
import { WireFormatError } from '../codec/wire-format-error.ts';

const SIZE_BYTES = 4;
/** Pieces are joined up to this size. */
const JOINED_BYTES_MAX = 16 * 1024;

/** A frame to be sent: its size, and the chunks that it is made of. */
export function framed(chunks: readonly Uint8Array[]): Uint8Array[] {
  const size = Buffer.allocUnsafe(SIZE_BYTES);
  size.writeInt32BE(bytesIn(chunks));
  return [size, ...chunks];
}

export function bytesIn(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

export class FrameAssembler {
  readonly #bytesMax: () => number;
  #chunks: Uint8Array[] = [];
  #have = 0;
  #size: number | undefined;

  /** `bytesMax`: of a frame; asked when one begins. */
  constructor(bytesMax: () => number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that are here, of frames whole or not. */
  get bytes(): number {
    return this.#have;
  }

  /** The bytes are taken over: their memory is given back as soon as they are in a frame. */
  push(chunk: Uint8Array): void {
    this.#have += chunk.length;
    let joined = chunk;
    // Pieces get smaller from first to last, so that each byte is copied only as often as its piece doubles.
    for (let last = this.#chunks.at(-1); last !== undefined; last = this.#chunks.at(-1)) {
      if (last.length > joined.length || last.length + joined.length > JOINED_BYTES_MAX) break;
      this.#chunks.pop();
      joined = concatBytes([last, joined]);
    }
    this.#chunks.push(joined);
  }

  /** The size of the next frame, as soon as it is known. Throws for a size that no frame has. */
  announced(): number | undefined {
    this.#size ??= this.#readSize();
    return this.#size;
  }

  /** The next frame without its size, where all of it is here. Nothing else lies in its memory but the size. */
  next(): Uint8Array | undefined {
    const size = this.announced();
    if (size === undefined || this.#have < SIZE_BYTES + size) return undefined;
    this.#size = undefined;
    this.#have -= SIZE_BYTES + size;
    const [first] = this.#chunks;
    if (first?.length === SIZE_BYTES + size && first.buffer.byteLength === first.length) {
      this.#chunks.shift();
      return first.subarray(SIZE_BYTES);
    }
    return this.#cutOff(size);
  }

  /** A copy: what stays of a frame, such as its records in a cache, would keep all in memory that came with it. */
  #cutOff(size: number): Uint8Array {
    const frame = Buffer.allocUnsafeSlow(size);
    for (let filled = -SIZE_BYTES; filled < size; ) {
      const chunk = this.#chunks.shift() as Uint8Array;
      const taken = Math.min(chunk.length, size - filled);
      frame.set(chunk.subarray(Math.max(0, -filled), taken), Math.max(0, filled));
      filled += taken;
      if (taken < chunk.length) this.#chunks.unshift(restOf(chunk, taken));
      else releaseBytes(chunk);
    }
    return frame;
  }

  #readSize(): number | undefined {
    if (this.#have < SIZE_BYTES) return undefined;
    let [first] = this.#chunks;
    if (first === undefined || first.length < SIZE_BYTES) {
      first = concatBytes(this.#chunks);
      this.#chunks = [first];
    }
    const size = new DataView(first.buffer, first.byteOffset).getInt32(0);
    const bytesMax = this.#bytesMax();
    if (size < 0 || size > bytesMax) {
      const other = otherProtocol(first.subarray(0, SIZE_BYTES));
      if (other !== undefined) throw new WireFormatError(`the client speaks ${other}`);
      throw new WireFormatError(`a frame says that it has ${size} bytes; at most ${bytesMax} are taken`);
    }
    return size;
  }
}

/**
 * What begins so that a frame would be larger than any: two mistakes that are made often, and are told from their first
 * bytes.
 */
function otherProtocol(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0x16 && bytes[1] === 3) return 'TLS, and connections are in the clear here (security.protocol)';
  const isMethod = /^(?:GET |PUT |POST|HEAD|OPTI|DELE|PATC|CONN)$/.test(String.fromCharCode(...bytes));
  return isMethod ? 'HTTP, which has another port' : undefined;
}

/** Copied where that is no more than what was taken before it, so that the chunk's memory can go. */
function restOf(chunk: Uint8Array, taken: number): Uint8Array {
  if (chunk.length > 2 * taken) return chunk.subarray(taken);
  const rest = new Uint8Array(chunk.subarray(taken));
  releaseBytes(chunk);
  return rest;
}
