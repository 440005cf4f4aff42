/**
 * Randomness as an argument, for the same reason as `Clock`: ids, jitter and sticky partitions come from here.
 */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `length` random bytes, from a cryptographic source outside of tests. */
  bytes(length: number): Uint8Array;
}

/** Drawn together: one call of the source costs more than what most callers do with its answer. */
const pool = new Uint8Array(1_024);
let poolUsed = pool.length;

/** Where in the pool as many bytes are that nobody has had. */
function draw(length: number): number {
  if (poolUsed + length > pool.length) {
    crypto.getRandomValues(pool);
    poolUsed = 0;
  }
  poolUsed += length;
  return poolUsed - length;
}

/** The platform's cryptographic source. The only place in `lib` that reads it. */
export const systemRandom: Random = {
  fraction: () => {
    const at = draw(4);
    const [a, b, c, d] = [pool[at], pool[at + 1], pool[at + 2], pool[at + 3]] as [number, number, number, number];
    return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / 2 ** 32;
  },
  bytes: (length) => {
    if (length > DRAWN_BYTES_MAX) return crypto.getRandomValues(new Uint8Array(length));
    const at = draw(length);
    const bytes = pool.slice(at, at + length);
    pool.fill(0, at, at + length); // some become secrets
    return bytes;
  },
};

/** More than this is not worth a place in the pool. */
const DRAWN_BYTES_MAX = 64;

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
