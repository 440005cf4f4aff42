/**
 * Has the partitions of a trigger delivered now: gives back the leases of those who are gone, and forgets when the next
 * attempt of what failed is due. Attempts stay counted.
 */
import type { Broker } from '../../broker/broker.ts';
import { readLeases } from '../../broker/triggers/read-leases.ts';
import type { Lane } from '../../coordination/triggers/lanes.ts';
import type { Trigger } from '../../coordination/triggers/trigger.ts';
import { LeaseKeeper } from '../../triggers/lease-keeper.ts';

export interface FreeLeasesOptions {
  /** Nobody else can have been given a lease but processes that are gone. */
  held: boolean;
}

export async function freeLeases(broker: Broker, { group }: Trigger, { held }: FreeLeasesOptions): Promise<void> {
  const leases = await readLeases(broker, group);
  for (const { topicId, partition, lease } of leases.values()) {
    // The end of a window, or of a batch that fills, is no attempt that is put off.
    const isDelayed = lease.lanes.some(({ dueMs }) => dueMs !== undefined);
    const isHeld = lease.holder !== undefined;
    if (isHeld ? !held : !isDelayed) continue;
    const { window, error, fillingSinceMs } = lease;
    const lanes = lease.lanes.map(atOnce);
    const changes = {
      lanes,
      ...(window !== undefined && { window }),
      ...(error !== undefined && { error }),
      ...(fillingSinceMs !== undefined && { fillingSinceMs }),
    };
    // Lost to someone who was faster: then it is delivered already.
    await new LeaseKeeper(broker, { group, topicId, partition }, lease).release(changes, Number.MAX_SAFE_INTEGER);
  }
}

function atOnce(lane: Lane): Lane {
  const { dueMs: _, ...rest } = lane;
  return rest;
}
