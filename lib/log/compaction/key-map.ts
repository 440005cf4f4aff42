/**
 * The newest offset of each key, in memory of a fixed size: what one pass of compaction knows.
 *
 * Of a key only 128 bits of hash are kept. Two keys with one hash would be one key to compaction, and the older one's
 * record would be lost; so nobody may be able to bring that about. The hash is SipHash under a key that is drawn anew
 * for each map: who writes records can't choose keys that collide, and by chance it happens among n keys with a
 * probability of n² / 2^129 (10 million keys: 10^-25). Kafka's cleaner keeps as many bits, of MD5.
 *
 * An entry has 24 bytes: the hash, and the offset + 1 in two words, high word first, so that zeros are an empty slot.
 * Collisions of slots go to the next one. With nine of ten slots taken the map is full: beyond, that becomes slow.
 */
import { assert } from '../../kernel/assert.ts';
import { releaseBytes } from '../../kernel/bytes.ts';
import type { Random } from '../../kernel/random.ts';
import { SIPHASH_KEY_BYTES, SipHash } from '../../kernel/siphash.ts';

const ENTRY_WORDS = 6;
const ENTRY_BYTES = ENTRY_WORDS * 4;
const TWO_32 = 2 ** 32;

/** Memory for a map of `keys` different keys. */
export function keyMapBytes(keys: number): number {
  return Math.ceil((keys * 10) / 9) * ENTRY_BYTES;
}

export class KeyMap {
  /** How many different keys there is room for. */
  readonly capacity: number;
  private readonly slots: number;
  private readonly entries: Int32Array;
  private readonly sipHash: SipHash;
  private keys = 0;

  constructor(bytes: number, random: Random) {
    this.slots = Math.floor(bytes / ENTRY_BYTES);
    this.capacity = Math.floor((this.slots * 9) / 10);
    assert(this.capacity > 0, `${bytes} bytes are too few for a key map: no pass would get anywhere`);
    this.entries = new Int32Array(this.slots * ENTRY_WORDS);
    this.sipHash = new SipHash(random.bytes(SIPHASH_KEY_BYTES));
  }

  get size(): number {
    return this.keys;
  }

  get isFull(): boolean {
    return this.keys >= this.capacity;
  }

  /**
   * The key is `source` from `start` to `end`. Of one key the highest offset has to come last. False, and nothing is
   * noted, where the key is a new one and the map is full.
   */
  set(source: Uint8Array, start: number, end: number, offset: number): boolean {
    const at = this.find(source, start, end);
    const { entries } = this;
    if (isEmpty(entries, at)) {
      if (this.isFull) return false;
      entries.set(this.sipHash.words, at);
      this.keys++;
    }
    const high = Math.floor((offset + 1) / TWO_32);
    entries[at + 4] = high;
    entries[at + 5] = offset + 1 - high * TWO_32;
    return true;
  }

  /** The key's newest offset, −1 where the map doesn't have the key. */
  get(source: Uint8Array, start: number, end: number): number {
    const at = this.find(source, start, end);
    const { entries } = this;
    return (entries[at + 4] as number) * TWO_32 + ((entries[at + 5] as number) >>> 0) - 1;
  }

  /**
   * Gives the memory back at once, not when it is collected: it is most of what a pass needs. Nothing may be asked any
   * more.
   */
  release(): void {
    releaseBytes(new Uint8Array(this.entries.buffer));
  }

  /** Where the key's entry is, or the empty one that would be its; one is always left. */
  private find(source: Uint8Array, start: number, end: number): number {
    this.sipHash.hash(source, start, end);
    const { entries } = this;
    const { words } = this.sipHash;
    const a = words[0] as number;
    const b = words[1] as number;
    const c = words[2] as number;
    const d = words[3] as number;
    let at = Math.floor((a >>> 0) * (this.slots / TWO_32)) * ENTRY_WORDS;
    while (
      !isEmpty(entries, at) &&
      (entries[at] !== a || entries[at + 1] !== b || entries[at + 2] !== c || entries[at + 3] !== d)
    ) {
      at += ENTRY_WORDS;
      if (at === entries.length) at = 0;
    }
    return at;
  }
}

function isEmpty(entries: Int32Array, at: number): boolean {
  return entries[at + 4] === 0 && entries[at + 5] === 0;
}
