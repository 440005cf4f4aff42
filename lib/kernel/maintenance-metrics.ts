/**
 * The metrics of the maintenance, which its function publishes, and alarms and the dashboard read: by `service` and
 * `tenant`, once a run. An age is in milliseconds.
 */
export const MAINTENANCE_METRICS = {
  /** Bytes of batches that were merged into segments, and those of small segments that became larger ones. */
  mergedBytes: 'MergedBytes',
  /** What is sealed and not merged, as far as a round of merging has looked, … */
  backlogBytes: 'MergeBacklogBytes',
  /** … and how old the oldest of it is. */
  backlogAge: 'MergeBacklogAge',
  /** Ledgers that are not merged, since something in them cannot be read or a replica lags behind. */
  blocked: 'MergeBlocked',
  /** Bytes that compaction has taken out. */
  compactedBytes: 'CompactedBytes',
  /** What no pass of compaction has had, where a round of it came by, … */
  dirtyBytes: 'CompactionBacklogBytes',
  /** … and the highest share of a partition that it is, in percent. */
  dirtyPercent: 'CompactionDirtyPercent',
  /** Partitions that are not compacted, since something in them cannot be read or a replica lags behind. */
  compactionBlocked: 'CompactionBlocked',
  /** Pages of ledgers that went, since they are merged and nobody reads them any more. */
  retiredPages: 'RetiredPages',
  /** Objects that went since nothing needs them any more: of retired pages, replaced, or below the log starts. */
  clearedObjects: 'ClearedObjects',
  /** Objects that were replaced or expired, and that readers may still be at. */
  condemnedObjects: 'CondemnedWaiting',
  /** Objects, and a few items, that nothing referred to, and that were deleted. */
  sweptObjects: 'SweptObjects',
  /** Erasures that are not done. */
  erasuresOpen: 'ErasuresOpen',
  /** Findings of a piece of the consistency check. */
  checkFindings: 'CheckFindings',
} as const;

export type MaintenanceMetric = keyof typeof MAINTENANCE_METRICS;

/** What a chore counts. */
export type MaintenanceCounts = Partial<Record<MaintenanceMetric, number>>;
