import { KIB } from './sizes.ts';

/** The sweeper. */
export const sweeperLimits = {
  /** How far back the first sweep of a table looks; later ones go on from where the last one ended. */
  sweepLookbackMs: 7 * 24 * 60 * 60 * 1_000,
  /** Names of one hour that a sweep remembers, to look at each once, and at the oldest first. */
  sweepNamesRemembered: 100_000,
  /** Objects that a sweep examines at the same time. */
  sweepExaminationsInFlightMax: 8,
  /** An object younger than this may still be on its way to its ledger. */
  orphanAgeMs: 60 * 60 * 1_000,
  /** What the sweeper reads of an object's end at first; a longer footer takes a second read. */
  footerBytesGuess: 16 * KIB,
} as const;
