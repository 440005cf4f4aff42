import { MIB } from './sizes.ts';

/** The consistency check. */
export const checkLimits = {
  /** Keys of one page of a scan of the table. */
  scanPageItems: 1_000,
  /** What nothing refers to is reported when it is older: until then whoever clears up may still be at it. */
  checkGraceMs: 24 * 60 * 60 * 1_000,
  /** How long what looks forsaken is left alone before it is looked at again: a topic's creation is over by then. */
  checkSettleMs: 30_000,
  /** How long after the last walk through everything began the next one may begin, … */
  checkIntervalMs: 24 * 60 * 60 * 1_000,
  /** … and what of it is done in one go. */
  checkStepsPerRun: 1_000,
  /** Pages of one ledger that a step goes through. */
  checkPagesPerStep: 64,
  /** Merged segments of one partition that a step goes through. */
  checkSegmentsPerStep: 256,
  /** How often items that change while they are compared are read anew. */
  checkAttemptsMax: 4,
  /** What of a merged segment is read at once. */
  checkBytesAtOnce: 4 * MIB,
  /** Objects that are looked at at the same time. */
  checkLooksInFlightMax: 8,
  /** Objects whose size is remembered: those of a flush to several ledgers, and what was reported already. */
  checkObjectsRemembered: 10_000,
} as const;
