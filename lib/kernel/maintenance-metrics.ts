/** The metrics of the maintenance, which its function publishes, and alarms read: by `service` and `tenant`. */
export const MAINTENANCE_METRICS = {
  /** Bytes of batches that were merged into segments, and those of small segments that became larger ones. */
  mergedBytes: 'MergedBytes',
  /** What is sealed and not merged, as far as a round of merging has looked, … */
  backlogBytes: 'MergeBacklogBytes',
  /** … and how old the oldest of it is, in milliseconds. */
  backlogAge: 'MergeBacklogAge',
  /** Ledgers that are not merged, since something in them cannot be read or a replica lags behind. */
  blocked: 'MergeBlocked',
  /** Bytes that compaction has taken out. */
  compactedBytes: 'CompactedBytes',
  /** What no pass of compaction has had, where a round of it came by. */
  dirtyBytes: 'CompactionBacklogBytes',
  /** Partitions that are not compacted, since something in them cannot be read or a replica lags behind. */
  compactionBlocked: 'CompactionBlocked',
  /** Findings of a piece of the consistency check. */
  checkFindings: 'CheckFindings',
} as const;
