/**
 * Looks over a group whose time it is: are members gone, have topics changed? Polls do it, each group every few seconds
 * by whoever comes first, and so does who wants to know whether a group is empty.
 */
import { type GroupState, planLook } from '../../coordination/groups/group-item.ts';
import { isLookDue, judgeMembers } from '../../coordination/groups/liveness.ts';
import { decideRegroup } from '../../coordination/groups/regroup.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Broker } from '../broker.ts';
import { judgeShare, lookOverShare } from '../share-groups/look-over-share.ts';
import { judgeClassic, lookOverClassic } from './classic/look-over-classic.ts';
import { readMembers, readState, readTarget } from './group-items.ts';
import { keepFenced, newNonce, regroup } from './regroup.ts';
import { topicsFor } from './topic-directory.ts';
import { writeJudged } from './write-judged.ts';

/** Whether anything was changed. A look that fails half-way is made by the next who comes, at the next time. */
export async function lookOver(broker: Broker, group: string, known: GroupState | undefined): Promise<boolean> {
  const { clock, groups } = broker;
  if (known === undefined || !isLookDue(known, clock.now(), groupLimits.groupLookMs)) return false;
  const lookOfKind = LOOKS[known.kind];
  const changed = await groups.unlessUnderWay(`look ${group}`, () => lookOfKind(broker, group, known));
  return changed === true;
}

const LOOKS = { consumer: look, classic: lookOverClassic, share: lookOverShare };

/**
 * The same for who asks whether a group is empty. A member whose joining was broken off before the group had heard of
 * it may be there with nobody to notice; it is taken up, so that looks find it gone when its session is over.
 */
export async function lookForMembers(broker: Broker, group: string): Promise<void> {
  const state = await broker.groups.state(group, 0);
  if ((await lookOver(broker, group, state)) || (state !== undefined && state.members > 0)) return;
  const members = [...(await readMembers(broker.metadata, group)).values()];
  if (members.some(({ kind }) => kind === 'consumer')) await regroup(broker, group);
  if (members.some(({ kind }) => kind === 'classic')) await judgeClassic(broker, group);
  if (members.some(({ kind }) => kind === 'share')) await judgeShare(broker, group);
}

async function look(broker: Broker, group: string, known: GroupState): Promise<boolean> {
  const { metadata, clock, groups } = broker;
  const nowMs = clock.now();
  const lookMs = nowMs + groupLimits.groupLookMs;
  const taken = await metadata.write([planLook(group, known, lookMs)]);
  const state = await readState(metadata, group);
  groups.note(group, state);
  if (taken.outcome === 'refused' || state === undefined) return false;
  const target = await readTarget(metadata, group);
  const members = await readMembers(metadata, group);
  const judged = judgeMembers(members, { target, nowMs });
  await keepFenced(broker, group, judged.gone);
  await writeJudged(broker, { group, judged, nowMs });
  const { topics, matches } = await topicsFor(broker, members.values());
  const same = decideRegroup({ state, target, members, topics, matches, nowMs, nonce: newNonce(broker.random) });
  if (judged.gone.length === 0 && same.regroup !== 'next') return false;
  await regroup(broker, group);
  return true;
}
