/** Looks over a share group whose time it is: are members gone, have topics changed? */
import { type GroupState, planLook } from '../../coordination/groups/group-item.ts';
import { judgeMembers, suspected } from '../../coordination/groups/liveness.ts';
import { planMember, planRemoval } from '../../coordination/groups/member-item.ts';
import type { Write } from '../../kernel/items.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { readMembers, readState } from '../groups/group-items.ts';
import { regroupShare } from './regroup-share.ts';

/** Whether the look was this process's; what it finds it has changed then. */
export async function lookOverShare(broker: Broker, group: string, known: GroupState): Promise<boolean> {
  const { metadata, clock, groups } = broker;
  const nowMs = clock.now();
  const taken = await metadata.write([planLook(group, known, nowMs + groupLimits.groupLookMs)]);
  const state = await readState(metadata, group);
  groups.note(group, state);
  if (taken.outcome === 'refused' || state === undefined) return false;
  await judgeShare(broker, group);
  return true;
}

/** Marks members that are silent, removes those that have been for a session, and regroups. */
export async function judgeShare(broker: Broker, group: string): Promise<void> {
  const { metadata, clock } = broker;
  const nowMs = clock.now();
  const members = await readMembers(metadata, group);
  const { suspects, gone } = judgeMembers(members, { target: undefined, nowMs });
  const writes: Write[] = [
    ...suspects.map((member) => planMember(group, suspected(member, nowMs))),
    ...gone.map((member) => planRemoval(group, member)),
  ];
  // Refused where the member has shown a sign of life meanwhile, or somebody else was faster.
  await mapBounded(writes, storageLimits.storageFanOutMax, (write) => metadata.write([write]));
  await regroupShare(broker, group);
}
