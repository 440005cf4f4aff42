import { MIB } from './sizes.ts';

/** Log compaction. */
export const compactionLimits = {
  /** Memory for the keys of one pass: 1.9 million of them. More keys take more passes. */
  compactionKeyBytesMax: 48 * MIB,
  /** Dirty bytes that one pass takes on, … */
  compactionDirtyBytesMax: 4_096 * MIB,
  /** … if reading them takes no longer. Each step of the pass reads them again. */
  compactionRangeMsMax: 90 * 1_000,
  /** A step ends with the group of segments that it is at when it has gone through so many bytes, or taken so long. */
  compactionStepBytesMax: 64_096 * MIB,
  compactionStepMsMax: 3 * 60 * 1_000,
  /** Segments that are cleaned together: what of a pass is lost where it is cut off. */
  compactionGroupBytesMax: 1_024 * MIB,
  compactionGroupSegmentsMax: 24,
  /** How often a group is cleaned where others change the ledger's segments meanwhile. */
  compactionGroupAttemptsMax: 3,
  /** Passes over one partition, one after the other, before others have their turn, … */
  compactionPassesPerTurnMax: 4,
  /** … and rounds through all partitions, as long as one has more to do. */
  compactionRoundsMax: 16,
} as const;
