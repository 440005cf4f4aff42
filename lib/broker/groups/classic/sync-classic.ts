/** SyncGroup of the classic protocol: the leader hands in what it assigned, the others wait for theirs. */

import { assignmentOf, planGeneration } from '../../../coordination/groups/classic/generation-item.ts';
import { decideSync, type SyncDecision, type SyncRequest } from '../../../coordination/groups/classic/sync.ts';
import { planGroup } from '../../../coordination/groups/group-item.ts';
import { planMember, planRemoval } from '../../../coordination/groups/member-item.ts';
import { seatOf } from '../../../coordination/groups/seat.ts';
import { checkGroupId } from '../../../coordination/transactions/ids.ts';
import { MillraceError } from '../../../kernel/errors.ts';
import type { Write } from '../../../kernel/items.ts';
import { groupLimits } from '../../../kernel/limits/groups.ts';
import { storageLimits } from '../../../kernel/limits/storage.ts';
import { mapBounded } from '../../../kernel/map-bounded.ts';
import type { Broker } from '../../broker.ts';
import { orThrow } from '../refusals.ts';
import { awaitRound } from './await-round.ts';
import { type ClassicView, memberIn, readClassic } from './classic-view.ts';
import { takeRounds } from './rounds.ts';

export interface SyncClassicRequest extends SyncRequest {
  group: string;
  /** Ends the wait. */
  signal: AbortSignal;
}

export type ClassicSynced =
  | { synced: 'assigned'; assignment: Uint8Array; protocolType: string; protocol: string }
  /** Nobody waits for the answer any more. */
  | { synced: 'ended' };

/**
 * Throws what Kafka refuses a SyncGroup with; `REBALANCE_IN_PROGRESS` also where the next round has begun while it
 * waited.
 */
export async function syncClassic(broker: Broker, request: SyncClassicRequest): Promise<ClassicSynced> {
  const { group, signal } = request;
  const { metadata, clock, groups } = broker;
  checkGroupId(group);
  let decisions = 0;
  while (!signal.aborted) {
    const view = await viewFor(broker, request);
    groups.note(group, view.state);
    const decided = orThrow(decideSync({ ...view, request, nowMs: clock.now() }));
    switch (decided.outcome) {
      case 'assigned':
        return assigned(view, decided.assignment);
      case 'wait':
        await waitForLeader(broker, request, view);
        continue;
      case 'close':
        await close(broker, group, decided);
        break;
      case 'assign': {
        const { state, generation } = decided;
        const written = await metadata.write([planGroup(group, state), planGeneration(group, generation)]);
        if (written.outcome === 'refused') break;
        groups.note(group, state);
        groups.tell(group, 'round');
        return assigned({ state }, assignmentOf(generation, seatOf(request)));
      }
    }
    if (++decisions >= groupLimits.groupDecisionsMax) {
      throw new MillraceError('REBALANCE_IN_PROGRESS', 'The group changes again and again; join again.');
    }
  }
  return { synced: 'ended' };
}

/** With all members for a leader that is to hand in assignments, with its own for everybody else. */
async function viewFor({ metadata }: Broker, request: SyncClassicRequest): Promise<ClassicView> {
  const { group } = request;
  const seat = seatOf(request);
  const own = await readClassic(metadata, group, [seat]);
  const { round } = own.state ?? {};
  return round?.phase === 'completing' && round.leader === seat ? readClassic(metadata, group) : own;
}

async function waitForLeader(broker: Broker, request: SyncClassicRequest, view: ClassicView): Promise<void> {
  const { group, signal } = request;
  const { state } = view;
  const untilMs = state?.round?.deadlineMs;
  // The leader's time is up.
  if (untilMs !== undefined && broker.clock.now() >= untilMs) await takeRounds(broker, group);
  else {
    const member = memberIn(view, request);
    await awaitRound(broker, { group, state, member, signal, ...(untilMs !== undefined && { untilMs }) });
  }
}

/** Refused where the member was written meanwhile: the next decision sees how. */
async function close({ metadata }: Broker, group: string, { raised, removed }: SyncDecision & { outcome: 'close' }) {
  const writes: Write[] = [
    ...raised.map((member) => planMember(group, member)),
    ...removed.map((member) => planRemoval(group, member)),
  ];
  await mapBounded(writes, storageLimits.storageFanOutMax, (write) => metadata.write([write]));
}

function assigned({ state }: Pick<ClassicView, 'state'>, assignment: Uint8Array): ClassicSynced {
  const { protocolType = '', round: { protocol = '' } = {} } = state ?? {};
  return { synced: 'assigned', assignment, protocolType, protocol };
}
