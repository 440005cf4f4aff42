/** Takes a classic group's rounds: whoever holds a request, or looks over the group, takes the steps that are due. */
import { planGeneration } from '../../../coordination/groups/classic/generation-item.ts';
import { decideRound } from '../../../coordination/groups/classic/round.ts';
import { planGroup } from '../../../coordination/groups/group-item.ts';
import { planRemoval } from '../../../coordination/groups/member-item.ts';
import { storageLimits } from '../../../kernel/limits/storage.ts';
import { mapBounded } from '../../../kernel/map-bounded.ts';
import { retryPauseMs } from '../../../storage/retry.ts';
import type { Broker } from '../../broker.ts';
import { type Decision, decideAgain } from '../../write-attempts.ts';
import { planEntry } from '../group-directory.ts';
import { newNonce } from '../regroup.ts';
import { type ClassicView, readClassic } from './classic-view.ts';

export interface RoundsTaken extends ClassicView {
  /** When the next step is due at the latest, where there is such a time. */
  untilMs?: number;
  /** The group assigns its partitions here, and has no place for classic members. */
  otherKind: boolean;
}

/**
 * The group as it is when no step is due any more. Calls of one process at the same time share one. `initialDelayMs`:
 * how long the first members wait for each other (Kafka: `group.initial.rebalance.delay.ms`).
 */
export function takeRounds(broker: Broker, group: string, initialDelayMs?: number): Promise<RoundsTaken> {
  return broker.groups.shared(`rounds ${group}`, () => {
    let refusals = 0;
    return decideAgain('rebalance', async () => {
      const step = await takeStep(broker, group, initialDelayMs);
      if (step === 'refused') {
        refusals++;
        await broker.clock.sleep(retryPauseMs(refusals, broker.random));
      }
      return step === 'refused' ? 'again' : step;
    });
  });
}

async function takeStep(
  broker: Broker,
  group: string,
  initialDelayMs: number | undefined,
): Promise<Decision<RoundsTaken> | 'refused'> {
  const { metadata, clock, random, groups } = broker;
  const view = await readClassic(metadata, group);
  groups.note(group, view.state);
  const nowMs = clock.now();
  const nonce = newNonce(random);
  const decided = decideRound({ ...view, nowMs, nonce, ...(initialDelayMs !== undefined && { initialDelayMs }) });
  switch (decided.round) {
    case 'other-kind':
      return { done: { ...view, otherKind: true } };
    case 'wait':
      return {
        done: { ...view, otherKind: false, ...(decided.untilMs !== undefined && { untilMs: decided.untilMs }) },
      };
    case 'next': {
      const { state, generation, removed } = decided;
      const writes = [
        planGroup(group, state),
        ...(generation === undefined ? [] : [planGeneration(group, generation)]),
        ...(state.version === 1 ? [planEntry(group, nowMs)] : []),
      ];
      if ((await metadata.write(writes)).outcome === 'refused') return 'refused';
      groups.note(group, state);
      groups.tell(group, 'round');
      // Refused where the member has asked meanwhile: it is in the next round.
      await mapBounded(removed, storageLimits.storageFanOutMax, (member) =>
        metadata.write([planRemoval(group, member)]),
      );
      return 'again';
    }
  }
}
