import { KIB, MIB } from './sizes.ts';

/** Merged segments (lib/log/merged). */
export const mergingLimits = {
  /** What merging makes a partition's segments grow to; `segment.bytes` may say less. */
  mergedSegmentBytesMax: 256 * MIB,
  /** A ledger's pages are merged when they hold as much as this for each partition that has something in them, … */
  mergeBytesMin: 64 * MIB,
  /** … when there are as many as this, … */
  mergePagesMin: 512,
  /** … or when the oldest commit in them is as old as this. */
  mergeAgeMsMin: 60 * 60 * 1_000,
  /**
   * What one step of merging pages reads and writes, unless a single page has more. Memory does not depend on it; of 16
   * partitions that have as much, each gets one full segment.
   */
  mergeStepBytesMax: 4_096 * MIB,
  /**
   * After this a step ends with the page that it is at, however slow storage is: before the lease is over, and long
   * before the sweeper takes its oldest segment for an orphan (`orphanAgeMs`), after which it could not be committed
   * any more.
   */
  mergeStepMsMax: 10 * 60 * 1_000,
  /**
   * What is rewritten into new segments together, for compaction and erasure, before it is to be committed: the same
   * bounds for the same reasons. They hold after a whole segment.
   */
  rewriteBytesMax: 1_024 * MIB,
  rewriteMsMax: 10 * 60 * 1_000,
  /** Ledgers that are looked at at the same time; one at a time is merged, which is what memory is for. */
  mergeLooksInFlightMax: 8,
  /** Steps of one ledger before the next one has its turn, … */
  mergeStepsPerTurnMax: 4,
  /** … and rounds through all ledgers, as long as there is more that is due. */
  mergeRoundsMax: 16,
  /** How long who merges a ledger is left alone: no function runs for longer. */
  lifecycleLeaseMs: 15 * 60 * 1_000,
  /** Pages that one step takes on at most, however little they hold. */
  mergePagesPerStepMax: 1_024,
  /**
   * Commits of transactions in very many parts, whose bundles one step holds in memory: a transaction may have 9,999
   * for a ledger.
   */
  mergeBundledCommitsMax: 100_000,
  /** What is read ahead of what is written: requests … */
  mergeReadsInFlightMax: 64,
  /** … and their bytes. */
  mergeReadBytesMax: 32 * MIB,
  /**
   * An object that several ledgers share is read as a whole for all of them where one asks for as much as this. Less is
   * not worth the time, which costs as much as the requests that it saves once 2 MiB are read for each.
   */
  mergeSharedBytesMin: 32 * KIB,
  /** Such reads at a time: each has a flush's object in memory, of `flushBytesMax` at most. */
  mergeSharedReadsInFlightMax: 16,
  /**
   * How much of such objects one step goes over, of what is kept of them: the rest is for where the next ones' steps
   * differ.
   */
  mergeSharedPercent: 75,
  /** Last segments of a partition among which small ones are looked for. */
  segmentsLookedAtMax: 256,
  /** Batches of one segment that are sent on together. */
  segmentGatherBytes: 256 * KIB,
  /** What of a segment is asked for at once by who goes through all of it, and how many such requests are under way. */
  segmentReadBytes: 8 * MIB,
  /** … where batches are made anew beside it, which takes memory as well. */
  segmentRewriteReadBytes: 4 * MIB,
  segmentReadsInFlightMax: 2,
  /** Segments next to each other that are merged into one. */
  segmentMergeFanIn: 8,
  /** A block of a segment's index: it ends with the batch that brings it to this size. */
  segmentBlockBytes: 64 * KIB,
  /** How long readers may take to look again, and longer than a presigned URL works. */
  lifecycleGraceMs: 60 * 60 * 1_000,
  /** Marks of how far merging had come, in a ledger's lifecycle item. */
  lifecycleMarksMax: 8,
  /**
   * Of one transaction's items what segments may take: head or what goes along, lifecycle and what is condemned need
   * the others.
   */
  segmentWritesMax: 97,
  /** Objects that one item condemns. */
  condemnedPerItemMax: 100,
  /** Last pages that stay when those below are retired: sealing needs the newest, a late attempt looks at six. */
  pagesKept: 6,
} as const;
