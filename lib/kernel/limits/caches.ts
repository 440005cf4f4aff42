import { MIB } from './sizes.ts';

/** Caches of one process. */
export const cacheLimits = {
  objectCacheBytes: 64 * MIB,
  headCacheEntries: 10_000,
  /**
   * How long records are served by a head from memory after it was seen: well below the hour after which nobody has
   * what was erased.
   */
  headAgeMsMax: 10 * 60 * 1_000,
  pageCacheEntries: 1_024,
  /** Ledgers whose leader epochs a process remembers. */
  epochHistoryEntries: 1_024,
  epochsPerQueryMax: 100,
  /** Ledgers of which a process remembers who reads their history. */
  ledgersReadEntries: 1_024,
  /** Partitions are read side by side that were asked for within this time, and are no further apart in the log. */
  sideBySideMs: 2_000,
  /** Of all bundles together. */
  bundleCacheCommits: 64_000,
  /**
   * Pages that the first query of a walk through them asks for, when mostly one or two are wanted, and those after it.
   */
  pagesWalkedFirst: 4,
  pagesWalkedPerQuery: 100,
  topicCacheEntries: 10_000,
  /** How long a topic's config is served from memory. */
  topicCacheMs: 5_000,
} as const;
