/** An offset as OffsetCommit and TxnOffsetCommit name it. */
import type { GroupOffset } from '../../broker/transactions/prepare.ts';
import { offsetOf } from '../fields/offsets.ts';

interface CommittedPartition {
  partitionIndex: number;
  committedOffset: bigint;
  /** Below 0: none. */
  committedLeaderEpoch: number;
  committedMetadata: string | null;
}

export function offsetToCommit(
  topic: string,
  { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }: CommittedPartition,
): GroupOffset {
  return {
    topic,
    partition: partitionIndex,
    offset: offsetOf(committedOffset),
    ...(committedLeaderEpoch >= 0 && { leaderEpoch: committedLeaderEpoch }),
    ...(committedMetadata !== null && committedMetadata !== '' && { metadata: committedMetadata }),
  };
}
