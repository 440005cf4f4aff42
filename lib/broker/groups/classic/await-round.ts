/**
 * The wait of a JoinGroup or SyncGroup for others: until the group has moved, a step of it is due, or its own member is
 * to show that it lives.
 */
import type { GroupState } from '../../../coordination/groups/group-item.ts';
import { isLookDue, isRenewalDue } from '../../../coordination/groups/liveness.ts';
import { type ClassicMember, planMember, touched } from '../../../coordination/groups/member-item.ts';
import { Ending } from '../../../kernel/ending.ts';
import { groupLimits } from '../../../kernel/limits/groups.ts';
import type { Broker } from '../../broker.ts';
import { lookOver } from '../look-over.ts';

export interface RoundWait {
  group: string;
  /** As the request has seen them. */
  state: GroupState | undefined;
  member: ClassicMember;
  /** When the group's next step is due. */
  untilMs?: number;
  signal: AbortSignal;
}

export async function awaitRound(broker: Broker, wait: RoundWait): Promise<void> {
  const { group, member, state, signal } = wait;
  const { clock, metadata, groups } = broker;
  // While its request is held the client need not heartbeat. Refused where something else was written: that is looked
  // at next.
  if (isRenewalDue(member, clock.now())) await metadata.write([planMember(group, touched(member, clock.now()))]);
  else await untilMoved(broker, wait);
  if (!signal.aborted) await lookOver(broker, group, await groups.state(group).then((now) => now ?? state));
}

async function untilMoved(broker: Broker, { group, state, member, untilMs, signal }: RoundWait): Promise<void> {
  const { clock, groups } = broker;
  const wait = new Ending(signal);
  const unlisten = groups.listen(group, (change) => {
    if (change === 'round') wait.end();
  });
  const renewalMs = member.seenMs + member.sessionTimeoutMs / 3;
  try {
    while (!wait.signal.aborted && !isRenewalDue(member, clock.now())) {
      const known = await groups.state(group, groupLimits.groupRoundLookMs);
      if (hasMoved(known, state, clock.now())) return;
      const dueMs = Math.min(renewalMs, untilMs ?? Number.POSITIVE_INFINITY) - clock.now();
      if (untilMs !== undefined && clock.now() >= untilMs) return;
      await clock.sleep(Math.min(groupLimits.groupRoundLookMs, Math.max(dueMs, 1)), wait.signal);
    }
  } finally {
    wait.end();
    unlisten();
  }
}

function hasMoved(now: GroupState | undefined, before: GroupState | undefined, nowMs: number): boolean {
  if (now === undefined || before === undefined) return now !== before;
  return now.nonce !== before.nonce || now.version > before.version || isLookDue(now, nowMs, groupLimits.groupLookMs);
}
