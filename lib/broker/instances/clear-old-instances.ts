/** Removes consumer instances of a group that are over, because their client went away without a word. */
import { decodeInstance, instancesOf, planInstanceRemoval } from '../../coordination/groups/instance-item.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { isOver } from './store.ts';

export interface ClearedInstances {
  removed: number;
  /** Those that are in use, or came into use meanwhile. */
  left: number;
}

/** Of so many pages at most. Their members go by themselves when their sessions are over. */
export async function clearOldInstances(
  { metadata, clock }: Broker,
  group: string,
  { pagesMax }: { pagesMax: number },
): Promise<ClearedInstances> {
  const cleared: ClearedInstances = { removed: 0, left: 0 };
  let from: string | undefined;
  for (let pages = 0; pages < pagesMax; pages++) {
    const page: QueryPage = await metadata.query({
      pk: instancesOf(group),
      ...(from !== undefined && { from }),
      limit: groupLimits.instancesSweptMax,
      consistency: 'eventual',
    });
    const nowMs = clock.now();
    const old = page.items.flatMap(({ key, attributes }) => {
      const instance = decodeInstance(attributes);
      return isOver(instance, nowMs) ? [planInstanceRemoval({ group, name: key.sk }, instance)] : [];
    });
    const written = await mapBounded(old, storageLimits.storageFanOutMax, (removal) => metadata.write([removal]));
    const removed = written.filter(({ outcome }) => outcome === 'applied').length;
    cleared.removed += removed;
    cleared.left += page.items.length - removed;
    from = page.next;
    if (from === undefined) break;
  }
  return cleared;
}
