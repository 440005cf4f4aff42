/** Whether a reader knows who leads a partition (KIP-320): who does not may have records that were lost since. */
import type { Broker } from '../broker.ts';
import { openPartition } from '../read/open-partition.ts';

/**
 * `fenced`: there is a newer epoch than the reader's. `unknown`: the reader's is one that this process cannot find yet.
 */
export type EpochVerdict = 'current' | 'fenced' | 'unknown';

export interface LeaderEpochOf {
  topic: string;
  partition: number;
  /** The newest one that the reader knows; absent: it does not say. */
  leaderEpoch?: number;
}

export async function checkLeaderEpoch(
  broker: Broker,
  { topic, partition, leaderEpoch }: LeaderEpochOf,
): Promise<EpochVerdict> {
  if (leaderEpoch === undefined) return 'current';
  const { ledger } = await openPartition(broker, topic, partition);
  const known = broker.heads.peek(ledger);
  // Epochs only rise: a head that is old may not know the reader's, but it is right about an older one.
  const head = known !== undefined && leaderEpoch <= known.epoch ? known : await broker.heads.strong(ledger);
  if (head === undefined || leaderEpoch === head.epoch) return 'current';
  return leaderEpoch < head.epoch ? 'fenced' : 'unknown';
}
