/**
 * SipHash-2-4 with 128 bits of output: a hash under a secret key (J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast
 * short-input PRF", 2012; the longer output is that of their reference implementation).
 *
 * Who doesn't know the key cannot choose inputs that collide. That is what MurmurHash and xxHash lack, whatever their
 * seed: collisions that hold for every seed are known.
 *
 * The algorithm's 64-bit words are pairs of 32-bit halves here: bigints would be many times slower.
 */
import { assert } from './assert.ts';

export const SIPHASH_KEY_BYTES = 16;

/** Rounds for each word of the input, and at the end for each half of the output. */
const WORD_ROUNDS = 2;
const LAST_ROUNDS = 4;

export class SipHash {
  /** What the last `hash` came to: 16 bytes as four little-endian words. */
  readonly words = new Int32Array(4);
  private readonly key: Int32Array;

  constructor(key: Uint8Array) {
    assert(key.length === SIPHASH_KEY_BYTES, `a key has ${SIPHASH_KEY_BYTES} bytes, this one ${key.length}`);
    this.key = Int32Array.from({ length: 4 }, (_, index) => word(key, index * 4));
  }

  /** Hashes `bytes` from `start` to `end` into `words`. */
  hash(bytes: Uint8Array, start: number, end: number): void {
    const { key } = this;
    const k0Low = key[0] as number;
    const k0High = key[1] as number;
    const k1Low = key[2] as number;
    const k1High = key[3] as number;
    let aLow = k0Low ^ 0x70736575;
    let aHigh = k0High ^ 0x736f6d65;
    let bLow = k1Low ^ 0x6e646f6d ^ 0xee;
    let bHigh = k1High ^ 0x646f7261;
    let cLow = k0Low ^ 0x6e657261;
    let cHigh = k0High ^ 0x6c796765;
    let dLow = k1Low ^ 0x79746573;
    let dHigh = k1High ^ 0x74656462;
    const wordsEnd = end - ((end - start) & 7);
    // One loop for the words, the padded last one and both halves of the output, so that the round is written once.
    let position = start;
    for (let half = 0; half < 2; ) {
      let low = 0;
      let high = 0;
      let rounds = WORD_ROUNDS;
      if (position < wordsEnd) {
        low = word(bytes, position);
        high = word(bytes, position + 4);
      } else if (position === wordsEnd) {
        low = partialWord(bytes, position, Math.min(end, position + 4));
        high = partialWord(bytes, position + 4, end) | ((end - start) << 24);
      } else {
        rounds = LAST_ROUNDS;
        if (half === 0) cLow ^= 0xee;
        else bLow ^= 0xdd;
      }
      dLow ^= low;
      dHigh ^= high;
      for (let round = 0; round < rounds; round++) {
        let carried = aLow >>> 0;
        aLow = (aLow + bLow) | 0;
        aHigh = (aHigh + bHigh + (aLow >>> 0 < carried ? 1 : 0)) | 0;
        let shifted = (bLow << 13) | (bHigh >>> 19);
        bHigh = ((bHigh << 13) | (bLow >>> 19)) ^ aHigh;
        bLow = shifted ^ aLow;
        carried = cLow >>> 0;
        cLow = (cLow + dLow) | 0;
        cHigh = (cHigh + dHigh + (cLow >>> 0 < carried ? 1 : 0)) | 0;
        shifted = (dLow << 16) | (dHigh >>> 16);
        dHigh = ((dHigh << 16) | (dLow >>> 16)) ^ cHigh;
        dLow = shifted ^ cLow;
        // `a` turns by 32 bits: its halves change places.
        const turned = aLow;
        carried = aHigh >>> 0;
        aLow = (aHigh + dLow) | 0;
        aHigh = (turned + dHigh + (aLow >>> 0 < carried ? 1 : 0)) | 0;
        shifted = (dLow << 21) | (dHigh >>> 11);
        dHigh = ((dHigh << 21) | (dLow >>> 11)) ^ aHigh;
        dLow = shifted ^ aLow;
        carried = cLow >>> 0;
        cLow = (cLow + bLow) | 0;
        cHigh = (cHigh + bHigh + (cLow >>> 0 < carried ? 1 : 0)) | 0;
        shifted = (bLow << 17) | (bHigh >>> 15);
        bHigh = ((bHigh << 17) | (bLow >>> 15)) ^ cHigh;
        bLow = shifted ^ cLow;
        shifted = cLow;
        cLow = cHigh;
        cHigh = shifted;
      }
      aLow ^= low;
      aHigh ^= high;
      if (position > wordsEnd) {
        this.words[half * 2] = aLow ^ bLow ^ cLow ^ dLow;
        this.words[half * 2 + 1] = aHigh ^ bHigh ^ cHigh ^ dHigh;
        half++;
      }
      position += 8;
    }
  }
}

function word(bytes: Uint8Array, position: number): number {
  return (
    (bytes[position] as number) |
    ((bytes[position + 1] as number) << 8) |
    ((bytes[position + 2] as number) << 16) |
    ((bytes[position + 3] as number) << 24)
  );
}

/** The bytes before `end`, at most four, filled up with zeros. */
function partialWord(bytes: Uint8Array, position: number, end: number): number {
  let result = 0;
  for (let at = position; at < end; at++) result |= (bytes[at] as number) << ((at - position) * 8);
  return result;
}
