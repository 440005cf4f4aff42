/**
 * Deletes a group that has no members, with what it has committed. State and target go first, behind a condition; then
 * the offsets, each write of which is conditioned on there being no state: a member that comes meanwhile keeps what is
 * left.
 */

import { generationKey } from '../../coordination/groups/classic/generation-item.ts';
import { stateKey } from '../../coordination/groups/group-item.ts';
import { planDeath } from '../../coordination/groups/offset-expiry.ts';
import { OFFSETS_PREFIX } from '../../coordination/groups/offsets-item.ts';
import { SHARE_PREFIX } from '../../coordination/share-groups/share-partition-item.ts';
import { shareTargetKey } from '../../coordination/share-groups/share-target-item.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import type { ItemKey, Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { chunked } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { requireUnclaimed } from '../triggers/claim.ts';
import { decideAgain, writeRepeatedly } from '../write-attempts.ts';
import { planEntryRemoval } from './group-directory.ts';
import { itemsOf } from './group-items.ts';
import { noSuchGroup, viewGroup } from './group-view.ts';
import { lookForMembers } from './look-over.ts';

/**
 * Throws `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP` where it has members, or `INCONSISTENT_GROUP_PROTOCOL` where a trigger
 * drives it.
 */
export async function deleteGroup(broker: Broker, group: string): Promise<void> {
  checkGroupId(group);
  const { metadata, groups, shares } = broker;
  await lookForMembers(broker, group);
  await requireUnclaimed(broker, group);
  let begun = false;
  await decideAgain('deletion', async () => {
    const view = await viewGroup(broker, group);
    if (view === undefined) {
      if (begun) return { done: undefined };
      throw noSuchGroup(group);
    }
    const { state, members } = view;
    if (members.size > 0 || (state !== undefined && state.members > 0)) throw nonEmpty(group);
    begun = true;
    if (state === undefined) return { done: undefined };
    const written = await metadata.write(planDeath(group, state));
    return written.outcome === 'refused' ? 'again' : { done: undefined };
  });
  const keys: ItemKey[] = [];
  for await (const { key } of itemsOf(metadata, group, OFFSETS_PREFIX)) keys.push(key);
  for await (const { key } of itemsOf(metadata, group, SHARE_PREFIX)) keys.push(key);
  const unused: Write = { kind: 'check', key: stateKey(group), conditions: [{ clause: 'item-absent' }] };
  for (const chunk of chunked(
    [...keys, generationKey(group), shareTargetKey(group)],
    storageLimits.transactionItemsMax - 1,
  )) {
    const written = await writeRepeatedly(metadata, [unused, ...chunk.map((key): Write => ({ kind: 'delete', key }))]);
    // The group that was to be deleted is gone; of its offsets, some are the next one's.
    if (written.outcome === 'refused') throw withEffect(nonEmpty(group), 'unknown');
  }
  // Where it is too new to be removed, or was written again, tidying sees to it.
  const entry = await planEntryRemoval(broker, group);
  if (entry !== undefined) await metadata.write([unused, entry]);
  groups.forget(group);
  shares.forgetTarget(group);
}

export function nonEmpty(group: string): MillraceError {
  return new MillraceError('NON_EMPTY_GROUP', `The group "${group}" has members.`);
}
