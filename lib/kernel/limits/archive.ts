import { MIB } from './sizes.ts';

/** Moving segments to a storage class for archives. */
export const archiveLimits = {
  /** What a segment has at least that is moved to the class for archives. */
  archiveBytesMin: 4 * MIB,
  /** Segments of a ledger that one step moves, … */
  archivesPerStepMax: 256,
  /** … how many at the same time, … */
  archivesInFlightMax: 8,
  /** … and how many before their items say so. */
  archivesNotedTogether: 32,
  /** Ledgers that are looked at at the same time. */
  archivedLedgersInFlightMax: 4,
  /** Attempts to note them against others that change the ledger's segments. */
  archiveNotesMax: 4,
} as const;
