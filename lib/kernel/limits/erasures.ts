import { KIB } from './sizes.ts';

/** Erasures. */
export const erasureLimits = {
  /** Ledgers of the topics of one erasure. */
  erasureLedgersMax: 1_000,
  /** Of the key or header value that an erasure looks for. */
  erasureValueBytesMax: 64 * KIB,
  /** Neighbouring segments of a partition that one step goes through. */
  erasureSegmentsPerStep: 64,
  /** Attempts of a step that others were faster than. */
  erasureAttemptsMax: 8,
  /** How far clocks that name objects may differ. */
  erasureSkewMs: 5 * 60 * 1_000,
  /** When an erasure that waits for others looks again. */
  erasureRetryMs: 10 * 60 * 1_000,
  /** How often a terminal asks whether an erasure is done. */
  erasurePollMs: 2_000,
  /** How often a local server looks for erasures that are to be carried out. */
  localErasureIntervalMs: 5_000,
} as const;
