/** What a consumer group has committed: `client.committedOffsets`. */
import type { JsonCommittedOffsets } from './api.ts';
import { jsonOf, type Transport } from './transport.ts';

export interface CommittedOffset {
  topic: string;
  partition: number;
  /** Of the next record to read. */
  offset: number;
  leaderEpoch?: number;
  metadata?: string;
  /** Milliseconds since the epoch. */
  committedAt: number;
}

export async function committedOffsets(
  send: Transport,
  group: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<CommittedOffset[]> {
  const committed: CommittedOffset[] = [];
  let cursor: string | undefined;
  do {
    const path = ['v1', 'groups', group, 'offsets'];
    const page = jsonOf(await send({ method: 'GET', path, query: { cursor }, signal })) as JsonCommittedOffsets;
    for (const { topic, partition, offset, leader_epoch, metadata, committed_at } of page.offsets) {
      committed.push({
        topic,
        partition,
        offset,
        ...(leader_epoch !== undefined && { leaderEpoch: leader_epoch }),
        ...(metadata !== undefined && { metadata }),
        committedAt: committed_at,
      });
    }
    cursor = page.next;
  } while (cursor !== undefined);
  return committed;
}
