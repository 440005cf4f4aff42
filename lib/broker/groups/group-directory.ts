/**
 * The directory of groups, for listing: `groups` / `<id>`, attributes
 *
 *     since  number  when a process noted that there is such a group, ms
 *
 * An entry comes with the group's state, in one transaction, or before the first offsets that are committed without members.
 * It may outlive its group by a crash, so a list looks at what there is of each.
 */
import type { ItemKey, Write } from '../../kernel/items.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';

export const GROUP_DIRECTORY = 'groups';

export function directoryEntryKey(group: string): ItemKey {
  return { pk: GROUP_DIRECTORY, sk: group };
}

export function planEntry(group: string, nowMs: number): Write & { kind: 'put' } {
  return { kind: 'put', key: directoryEntryKey(group), attributes: { since: nowMs } };
}

/** Before offsets of a group are committed that may have none yet, nor members. */
export async function listGroup({ metadata, groups, clock }: Broker, group: string): Promise<void> {
  if (groups.isListed(group)) return;
  await writeRepeatedly(metadata, [planEntry(group, clock.now())]);
  groups.noteListed(group);
}
