/** A group as those see it who look from outside: what it is doing, and who is in it. */
import type { GroupState } from '../../coordination/groups/group-item.ts';
import type { Member } from '../../coordination/groups/member-item.ts';
import { OFFSETS_PREFIX } from '../../coordination/groups/offsets-item.ts';
import type { Seat } from '../../coordination/groups/seat.ts';
import { type GroupStatus, groupStatus } from '../../coordination/groups/status.ts';
import type { Target } from '../../coordination/groups/target-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Broker } from '../broker.ts';
import { itemsOf, readMembers, readState, readTarget } from './group-items.ts';

export interface GroupView {
  group: string;
  status: GroupStatus;
  state: GroupState | undefined;
  target: Target | undefined;
  members: ReadonlyMap<Seat, Member>;
}

/** `undefined`: nobody has used the group, or it was deleted. */
export async function viewGroup({ metadata }: Broker, group: string): Promise<GroupView | undefined> {
  const state = await readState(metadata, group);
  const target = state === undefined ? undefined : await readTarget(metadata, group);
  const members = await readMembers(metadata, group);
  if (state === undefined && members.size === 0) {
    if (!(await hasOffsets({ metadata }, group))) return undefined;
    return { group, status: 'Empty', state, target, members };
  }
  // Members that have come before the state was first written.
  const status = state === undefined ? 'Assigning' : groupStatus(state, { target, members });
  return { group, status, state, target, members };
}

/** Of a group without members: the kind of those before; classic where there were none. */
export function viewType({ state, members }: GroupView): GroupState['kind'] {
  return state?.kind ?? [...members.values()][0]?.kind ?? 'classic';
}

async function hasOffsets({ metadata }: Pick<Broker, 'metadata'>, group: string): Promise<boolean> {
  for await (const _ of itemsOf(metadata, group, OFFSETS_PREFIX)) return true;
  return false;
}

export function noSuchGroup(group: string): MillraceError {
  return new MillraceError('GROUP_ID_NOT_FOUND', `There is no group "${group}".`);
}
