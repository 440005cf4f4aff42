/** Heartbeat of the classic protocol: the member lives, and hears whether it is to join again. */
import { decideClassicHeartbeat } from '../../../coordination/groups/classic/sync.ts';
import { planMember } from '../../../coordination/groups/member-item.ts';
import { type MemberName, seatOf } from '../../../coordination/groups/seat.ts';
import { checkGroupId } from '../../../coordination/transactions/ids.ts';
import type { Broker } from '../../broker.ts';
import { decideAgain } from '../../write-attempts.ts';
import { readMember, readState } from '../group-items.ts';
import { lookOver } from '../look-over.ts';
import { orThrow } from '../refusals.ts';
import { takeRounds } from './rounds.ts';

export interface HeartbeatClassicRequest extends MemberName {
  group: string;
  generation: number;
}

/** Throws what Kafka refuses a heartbeat with. */
export async function heartbeatClassic(
  broker: Broker,
  { group, ...request }: HeartbeatClassicRequest,
): Promise<'alive' | 'rebalance'> {
  checkGroupId(group);
  const { metadata, clock, groups } = broker;
  const known = await groups.state(group);
  await lookOver(broker, group, known);
  const deadlineMs = known?.round?.phase === 'stable' ? undefined : known?.round?.deadlineMs;
  // Whoever held the requests that wait for it may have died.
  if (deadlineMs !== undefined && clock.now() >= deadlineMs) await takeRounds(broker, group);
  return decideAgain('heartbeat', async () => {
    const present = await readMember(metadata, group, seatOf(request));
    const nowMs = clock.now();
    let decided = decideClassicHeartbeat({ state: await groups.state(group), present }, { request, nowMs });
    if (decided.outcome === 'refused') {
      // What is remembered may be of before the generation that the member is in.
      const state = await readState(metadata, group);
      groups.note(group, state);
      decided = decideClassicHeartbeat({ state, present }, { request, nowMs });
    }
    const { outcome, next } = orThrow(decided);
    if (next !== undefined && (await metadata.write([planMember(group, next)])).outcome === 'refused') return 'again';
    return { done: outcome };
  });
}
