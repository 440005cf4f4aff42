/** Where a share group begins with a partition (`share.auto.offset.reset`). */
import type { ShareReset } from '../../coordination/share-groups/group-config.ts';
import type { Broker } from '../broker.ts';
import { listOffsets } from '../fetch/list-offsets.ts';
import type { OpenPartition } from '../read/open-partition.ts';

export async function resetOffset(
  broker: Broker,
  { topic, partition }: Pick<OpenPartition, 'topic' | 'partition'>,
  reset: ShareReset,
): Promise<number> {
  const at = async (end: 'earliest' | 'latest') =>
    (await listOffsets(broker, { topic, partition, at: { at: end } })).offset ?? 0;
  if (reset.to !== 'ago') return at(reset.to);
  const timestampMs = Math.max(0, broker.clock.now() - reset.ms);
  const since = await listOffsets(broker, { topic, partition, at: { at: 'timestamp', timestampMs } });
  return since.offset ?? at('latest');
}
