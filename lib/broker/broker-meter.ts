/**
 * Where use cases count what goes through them. They call it in the asynchronous context of the request that they
 * serve, so that a door can tell one request's counts from another's.
 */
export interface BrokerMeter {
  /** Records that were stored and sequenced, and the size of their batches. */
  produced(records: number, bytes: number): void;
  /** Records that were handed out, and the size of the batches that were read for them. */
  fetched(records: number, bytes: number): void;
  /** A piece of the consistency check was done, with so many findings. */
  checked(findings: number): void;
  /** Merging has gone round the ledgers. */
  merged(counts: MergingCounts): void;
  /** Compaction has gone round the topics that are compacted. */
  compacted(counts: CompactionCounts): void;
}

export interface MergingCounts {
  /** Of batches that were written to segments, and of small segments that became larger ones. */
  bytes: number;
  /** What is sealed and not merged, … */
  waitingBytes: number;
  /** … and how old the oldest of it is. */
  waitingMs: number;
  /** Ledgers that are not merged, since something in them cannot be read or a replica lags behind. */
  blocked: number;
}

export interface CompactionCounts {
  /** That are no more, since there are newer records of their keys. */
  bytes: number;
  /** What no pass has had, where compaction came by. */
  dirtyBytes: number;
  /** Partitions that are not compacted, since something in them cannot be read or a replica lags behind. */
  blocked: number;
}

export const silentMeter: BrokerMeter = {
  produced: () => {},
  fetched: () => {},
  checked: () => {},
  merged: () => {},
  compacted: () => {},
};
