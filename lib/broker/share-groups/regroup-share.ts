/**
 * Gives a share group its next target, where members, their subscriptions or the topics have changed. Whoever notices
 * does it.
 */
import { planGroup } from '../../coordination/groups/group-item.ts';
import { decideShareRegroup } from '../../coordination/share-groups/share-regroup.ts';
import { planShareTarget } from '../../coordination/share-groups/share-target-item.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import type { Broker } from '../broker.ts';
import { planEntry } from '../groups/group-directory.ts';
import { readMembers, readState } from '../groups/group-items.ts';
import { newNonce, type Regrouped } from '../groups/regroup.ts';
import { topicsFor } from '../groups/topic-directory.ts';
import { type Decision, decideAgain } from '../write-attempts.ts';
import { readShareTarget } from './share-cache.ts';

export function regroupShare(broker: Broker, group: string): Promise<Regrouped> {
  return broker.groups.shared(`regroup share ${group}`, () => {
    let attempts = 0;
    return decideAgain('rebalance', async () => {
      if (attempts > 0) await broker.clock.sleep(retryPauseMs(attempts, broker.random));
      attempts++;
      return attempt(broker, group);
    });
  });
}

async function attempt(broker: Broker, group: string): Promise<Decision<Regrouped>> {
  const { metadata, clock, random, groups, shares } = broker;
  // In this order: the write is refused where the target is of a later state, and members that are missing came later.
  const state = await readState(metadata, group);
  const target = await readShareTarget(metadata, group);
  const members = await readMembers(metadata, group);
  const { topics } = await topicsFor(broker, members.values());
  groups.note(group, state);
  if (target !== undefined) shares.noteTarget(group, target);
  const nowMs = clock.now();
  const decided = decideShareRegroup({ state, target, members, topics, nowMs, nonce: newNonce(random) });
  switch (decided.regroup) {
    case 'none':
      return { done: { regrouped: 'done', turnedAway: decided.turnedAway } };
    case 'other-kind':
      return { done: { regrouped: 'other-kind' } };
    case 'too-large':
      broker.log.warn('a share group has more to assign than it can have', { group, detail: decided.detail });
      return { done: { regrouped: 'too-large', detail: decided.detail } };
    case 'next': {
      const entry = decided.state.version === 1 ? [planEntry(group, nowMs)] : [];
      const writes = [planGroup(group, decided.state), planShareTarget(group, decided.target), ...entry];
      if ((await metadata.write(writes)).outcome === 'refused') return 'again';
      groups.note(group, decided.state);
      shares.noteTarget(group, decided.target);
      return { done: { regrouped: 'done', turnedAway: decided.turnedAway } };
    }
  }
}
