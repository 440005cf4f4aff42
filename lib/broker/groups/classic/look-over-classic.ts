/** Looks over a classic group: members that are gone are removed, and what is due of its rounds is done. */
import { type GroupState, planLook } from '../../../coordination/groups/group-item.ts';
import { type Judged, judgeMembers } from '../../../coordination/groups/liveness.ts';
import type { Member } from '../../../coordination/groups/member-item.ts';
import { groupLimits } from '../../../kernel/limits/groups.ts';
import type { Broker } from '../../broker.ts';
import { readMembers, readState } from '../group-items.ts';
import { writeJudged } from '../write-judged.ts';
import { takeRounds } from './rounds.ts';

/** For whoever has found that a look is due; whether it has removed anybody. */
export async function lookOverClassic(broker: Broker, group: string, known: GroupState): Promise<boolean> {
  const { metadata, clock, groups } = broker;
  const taken = { ...known, lookMs: clock.now() + groupLimits.groupLookMs };
  const result = await metadata.write([planLook(group, known, taken.lookMs)]);
  if (result.outcome === 'refused') {
    groups.note(group, await readState(metadata, group));
    return false;
  }
  groups.note(group, taken);
  const { suspects, gone } = await judgeClassic(broker, group);
  if (suspects.length > 0) await lookSooner(broker, { group, taken, suspects });
  return gone.length > 0;
}

/** When the first of the suspects may be gone: a group of short sessions is not to wait for the next look. */
async function lookSooner(
  { metadata, clock, groups }: Broker,
  { group, taken, suspects }: { group: string; taken: GroupState; suspects: readonly Member[] },
): Promise<void> {
  const soonestMs = clock.now() + Math.min(...suspects.map(({ sessionTimeoutMs }) => sessionTimeoutMs / 3));
  if (soonestMs >= taken.lookMs) return;
  // Refused where the group has taken a step meanwhile, whose look is then the next one.
  const result = await metadata.write([planLook(group, taken, Math.ceil(soonestMs))]);
  if (result.outcome === 'applied') groups.note(group, { ...taken, lookMs: Math.ceil(soonestMs) });
}

/** The same without taking a look upon oneself: of a group that has no state, or none that counts members. */
export async function judgeClassic(broker: Broker, group: string): Promise<Judged> {
  const { metadata, clock } = broker;
  const nowMs = clock.now();
  const judged = judgeMembers(await readMembers(metadata, group), { target: undefined, nowMs });
  await writeJudged(broker, { group, judged, nowMs });
  // Also where nobody is gone: who removed somebody before may not have come this far.
  await takeRounds(broker, group);
  return judged;
}
