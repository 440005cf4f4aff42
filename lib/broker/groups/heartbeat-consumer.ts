/**
 * A member of KIP-848: every call of its is a heartbeat, which joins, leaves, changes what the member wants, says what
 * it holds, and is answered with what it is to hold. What becomes of the group is the same as with polls
 * (membership.ts).
 */
import type { ConsumerMember } from '../../coordination/groups/member-item.ts';
import { NO_PARTITIONS, type Partitions } from '../../coordination/groups/partitions.ts';
import { type MemberName, seatOf } from '../../coordination/groups/seat.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import type { Broker } from '../broker.ts';
import { readMember } from './group-items.ts';
import { joinAs, type SaidBySelf, takeSeat, type Wishes } from './membership.ts';

export interface ConsumerHeartbeat {
  group: string;
  name: MemberName;
  /** Absent: it joins. */
  epoch?: number;
  /** What is absent stays as it was. */
  wishes: Wishes;
  /** What it holds; absent: as it said last. */
  holds?: Partitions;
}

export interface Heard {
  epoch: number;
  /** What it is to hold. */
  assignment: Partitions;
}

/** Throws what Kafka refuses a heartbeat of a consumer group with. */
export async function heartbeatConsumer(broker: Broker, heartbeat: ConsumerHeartbeat): Promise<Heard> {
  const { group, name, epoch } = heartbeat;
  checkGroupId(group);
  let wishes: Wishes = { ...heartbeat.wishes, mayBeIdle: true };
  // Who joins holds nothing, whatever its item says of before.
  let said: SaidBySelf = { holds: NO_PARTITIONS };
  if (epoch === undefined) {
    await joinAs(broker, { group, name, isNew: false, wishes, waitsForInstance: true });
  } else {
    wishes = await completed(broker, { ...heartbeat, wishes });
    said = { epoch, holds: heartbeat.holds };
  }
  const { member, state, followed } = await takeSeat(broker, {
    group,
    name,
    wishes,
    cursor: undefined,
    commit: 'none',
    joins: false,
    said,
  });
  return { epoch: epochOf(member, state?.epoch), assignment: followed.assignment };
}

/** A member that waits for all it is given has no epoch yet; 0 would tell it to join again. */
function epochOf({ epoch }: ConsumerMember, groupEpoch = 1): number {
  return epoch > 0 ? epoch : Math.max(1, groupEpoch);
}

/** Names and pattern change each by itself; here they are one subscription. An empty pattern is none. */
async function completed(
  { metadata }: Broker,
  { group, name, wishes }: { group: string; name: MemberName; wishes: Wishes },
): Promise<Wishes> {
  const { names, pattern, ...rest } = wishes;
  if (names === undefined && pattern === undefined) return wishes;
  const present = await readMember(metadata, group, seatOf(name));
  if (present?.kind !== 'consumer') return wishes;
  const { subscription } = present;
  const now = pattern ?? subscription.pattern ?? '';
  return { ...rest, names: names ?? subscription.names, ...(now !== '' && { pattern: now }) };
}
