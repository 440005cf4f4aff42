/** Looks over a share group whose time it is: are members gone, have topics changed? */
import { type GroupState, planLook } from '../../coordination/groups/group-item.ts';
import { judgeMembers } from '../../coordination/groups/liveness.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Broker } from '../broker.ts';
import { readMembers, readState } from '../groups/group-items.ts';
import { writeJudged } from '../groups/write-judged.ts';
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
  await writeJudged(broker, { group, judged: judgeMembers(members, { target: undefined, nowMs }), nowMs });
  await regroupShare(broker, group);
}
