/**
 * Randomness as an argument, for the same reason as `Clock`: ids, jitter and sticky partitions come from here.
 */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `length` random bytes, from a cryptographic source outside of tests. */
  bytes(length: number): Uint8Array;
}

/** Words drawn together: one call of the source costs more than what most callers do with its answer. */
const words = new Uint32Array(256);
let wordsUsed = words.length;

/** The platform's cryptographic source. The only place in `lib` that reads it. */
export const systemRandom: Random = {
  fraction: () => {
    if (wordsUsed === words.length) {
      crypto.getRandomValues(words);
      wordsUsed = 0;
    }
    return (words[wordsUsed++] as number) / 2 ** 32;
  },
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** A repeatable source for simulations and property tests: the same seed gives the same sequence (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const word = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    fraction: () => word() / 2 ** 32,
    bytes: (length) => Uint8Array.from({ length }, () => word() & 0xff),
  };
}

/** A whole number from 0 to `bound` − 1. */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor(random.fraction() * bound);
}
