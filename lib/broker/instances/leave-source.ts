/**
 * What an instance does before it stops consuming what it consumes: commits what was delivered, if it does so by
 * itself, and leaves.
 */
import type { ConsumerInstance, InstanceId, InstancePosition } from '../../coordination/groups/instance-item.ts';
import { memberIdOf } from '../../coordination/groups/seat.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Broker } from '../broker.ts';
import { commitOffsets } from '../groups/commit-offsets.ts';
import { type LeaveRequest, leaveGroup } from '../groups/leave-group.ts';

/** The member is not in its group any more: it was away for too long. */
export function isGone(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return false;
  return error.code === 'UNKNOWN_MEMBER_ID' || error.code === 'FENCED_MEMBER_EPOCH';
}

export async function leaveSource(broker: Broker, { group }: InstanceId, instance: ConsumerInstance): Promise<void> {
  const { from, autoCommit } = instance;
  if (from.source === 'assignment' && autoCommit) return commitByItself(broker, group, from.positions);
  if (from.source !== 'subscription') return;
  const { memberId, cursor, joinId } = from;
  const isLeft =
    memberId !== undefined &&
    (await leave(broker, { group, memberId, ...(autoCommit && cursor !== undefined && { cursor }) }));
  // A poll that joined, and came to nothing, has left a member behind.
  if (!isLeft && joinId !== undefined) await leave(broker, { group, memberId: memberIdOf(joinId) });
}

/** Whether it was a member. */
async function leave(broker: Broker, request: LeaveRequest): Promise<boolean> {
  try {
    await leaveGroup(broker, request);
    return true;
  } catch (error) {
    if (!isGone(error)) throw error;
    return false;
  }
}

/** What nobody has asked for fails without anybody hearing of it, as in Kafka's consumer. */
export async function commitByItself(
  broker: Broker,
  group: string,
  positions: readonly InstancePosition[],
): Promise<void> {
  try {
    await commitOffsets(broker, { group, offsets: toCommit(positions) });
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    broker.log.warn('offsets of a consumer instance could not be committed', { group, error: error.message });
  }
}

/** The positions that the group has not. */
export function toCommit(
  positions: readonly InstancePosition[],
): { topic: string; partition: number; offset: number }[] {
  return positions.flatMap(({ topic, partition, offset, fresh }) =>
    offset === undefined || !fresh ? [] : [{ topic, partition, offset }],
  );
}
