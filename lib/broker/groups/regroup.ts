/**
 * Gives a group its next target, where members, their subscriptions or the topics have changed. Whoever notices does
 * it; calls of one process at the same time share one, and those of several decide again.
 */
import { planGroup } from '../../coordination/groups/group-item.ts';
import type { Member } from '../../coordination/groups/member-item.ts';
import { decideRegroup } from '../../coordination/groups/regroup.ts';
import type { Seat } from '../../coordination/groups/seat.ts';
import { planTarget } from '../../coordination/groups/target-item.ts';
import { toBase64Url } from '../../kernel/bytes.ts';
import type { Random } from '../../kernel/random.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import type { Broker } from '../broker.ts';
import { type Decision, decideAgain } from '../write-attempts.ts';
import { planEntry } from './group-directory.ts';
import { readMembers, readState, readTarget } from './group-items.ts';
import { topicsFor } from './topic-directory.ts';

export type Regrouped =
  | { regrouped: 'done'; turnedAway: readonly Seat[] }
  | { regrouped: 'other-kind' }
  | { regrouped: 'too-large'; detail: string };

const NONCE_BYTES = 9;

export function newNonce(random: Random): string {
  return toBase64Url(random.bytes(NONCE_BYTES));
}

export function regroup(broker: Broker, group: string): Promise<Regrouped> {
  return broker.groups.shared(`regroup ${group}`, () => {
    let attempts = 0;
    return decideAgain('rebalance', async () => {
      if (attempts > 0) await broker.clock.sleep(retryPauseMs(attempts, broker.random));
      attempts++;
      return attempt(broker, group);
    });
  });
}

/**
 * A seat that changed hands may have an epoch above the group's. Before such a seat is removed the group goes on above
 * it: the epoch fences who had the seat, and the same member id could get it again from the group's next target.
 */
export async function keepFenced(broker: Broker, group: string, leaving: readonly Member[]): Promise<void> {
  const newest = Math.max(0, ...leaving.flatMap(({ instanceId, epoch }) => (instanceId === undefined ? [] : [epoch])));
  if (newest === 0) return;
  const state = await readState(broker.metadata, group);
  if (state !== undefined && state.epoch < newest) await regroup(broker, group);
}

async function attempt(broker: Broker, group: string): Promise<Decision<Regrouped>> {
  const { metadata, clock, random, groups } = broker;
  // In this order: the write is refused where the target is of a later state, and members that are missing came later.
  const state = await readState(metadata, group);
  const target = await readTarget(metadata, group);
  const members = await readMembers(metadata, group);
  const { topics, matches } = await topicsFor(broker, members.values());
  groups.note(group, state);
  if (target !== undefined) groups.noteTarget(group, target);
  const nowMs = clock.now();
  const decided = decideRegroup({ state, target, members, topics, matches, nowMs, nonce: newNonce(random) });
  switch (decided.regroup) {
    case 'none':
      return { done: { regrouped: 'done', turnedAway: decided.turnedAway } };
    case 'other-kind':
      return { done: { regrouped: 'other-kind' } };
    case 'too-large':
      broker.log.warn('a group has more to assign than it can have', { group, detail: decided.detail });
      return { done: { regrouped: 'too-large', detail: decided.detail } };
    case 'next': {
      const entry = decided.state.version === 1 ? [planEntry(group, nowMs)] : [];
      const writes = [planGroup(group, decided.state), planTarget(group, decided.target), ...entry];
      if ((await metadata.write(writes)).outcome === 'refused') return 'again';
      groups.note(group, decided.state);
      groups.noteTarget(group, decided.target);
      return { done: { regrouped: 'done', turnedAway: decided.turnedAway } };
    }
  }
}
