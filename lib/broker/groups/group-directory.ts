/**
 * The directory of groups, for listing: `groups` / `<id>`, attributes
 *
 *     since  number  when a process noted last that there is such a group, ms
 *
 * An entry comes with the group's state, in one transaction, or before offsets that are committed without members. Whoever has
 * written it commits for a while without writing it again. So it outlives its group by longer than that while, and a list looks
 * at what there is of each: else offsets that come after a deletion would be in no list, and never expire.
 */
import type { ItemKey, Write } from '../../kernel/items.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';

export const GROUP_DIRECTORY = 'groups';

function directoryEntryKey(group: string): ItemKey {
  return { pk: GROUP_DIRECTORY, sk: group };
}

export function planEntry(group: string, nowMs: number): Write & { kind: 'put' } {
  return { kind: 'put', key: directoryEntryKey(group), attributes: { since: nowMs } };
}

/**
 * Of a group of which nothing is left. `undefined`: there is no entry, or one so new that some process may go by it.
 * Refused where a process has written it again, which is about to commit.
 */
export async function planEntryRemoval({ metadata, clock }: Broker, group: string): Promise<Write | undefined> {
  const key = directoryEntryKey(group);
  const since = (await metadata.get(key, 'strong'))?.['since'];
  if (typeof since !== 'number' || clock.now() - since < groupLimits.groupEntryKeptMs) return undefined;
  return { kind: 'delete', key, conditions: [{ clause: 'equals', attribute: 'since', value: since }] };
}

/** Before offsets of a group are committed that may have none yet, nor members. */
export async function listGroup({ metadata, groups, clock }: Broker, group: string): Promise<void> {
  if (groups.isListed(group)) return;
  await writeRepeatedly(metadata, [planEntry(group, clock.now())]);
  groups.noteListed(group);
}
