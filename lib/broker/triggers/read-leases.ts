/** Reads the leases of a trigger's partitions: one query, or a part of it. */
import type { TopicPartition } from '../../coordination/groups/partitions.ts';
import { decodeLease, type Lease, leasesKey, parseLeaseKey } from '../../coordination/triggers/lease-item.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { Consistency, QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { nameOf } from '../groups/group-items.ts';

export interface LeasedPartition extends TopicPartition {
  lease: Lease;
}

/** By the partition's name (`nameOf`). */
export async function readLeases(
  { metadata }: Pick<Broker, 'metadata'>,
  group: string,
  { from, to, consistency = 'strong' }: { from?: string; to?: string; consistency?: Consistency } = {},
): Promise<Map<string, LeasedPartition>> {
  const leases = new Map<string, LeasedPartition>();
  let next: string | undefined = from ?? '';
  while (next !== undefined) {
    const page: QueryPage = await metadata.query({
      pk: leasesKey(group),
      ...(next !== '' && { from: next }),
      ...(to !== undefined && { to }),
      limit: requestLimits.listPageMax,
      consistency,
    });
    for (const { key, attributes } of page.items) {
      const partition = parseLeaseKey(key.sk);
      leases.set(nameOf(partition), { ...partition, lease: decodeLease(attributes) });
    }
    next = page.next;
  }
  return leases;
}
