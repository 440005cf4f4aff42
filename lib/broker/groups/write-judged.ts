/** What a look over a group's members comes to: those that are silent are marked, those that are gone are removed. */
import { type Judged, suspected } from '../../coordination/groups/liveness.ts';
import { planMember, planRemoval } from '../../coordination/groups/member-item.ts';
import type { Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';

export async function writeJudged(
  { metadata }: Broker,
  { group, judged, nowMs }: { group: string; judged: Judged; nowMs: number },
): Promise<void> {
  const writes: Write[] = [
    ...judged.suspects.map((member) => planMember(group, suspected(member, nowMs))),
    ...judged.gone.map((member) => planRemoval(group, member)),
  ];
  // Refused where the member has shown a sign of life meanwhile, or somebody else was faster.
  await mapBounded(writes, storageLimits.storageFanOutMax, (write) => metadata.write([write]));
}
