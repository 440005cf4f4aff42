/** Commits offsets of an instance's group: those that are given, or all that was delivered. */
import type { ConsumerInstance, InstanceId, InstanceSource } from '../../coordination/groups/instance-item.ts';
import type { Broker } from '../broker.ts';
import { commitOffsets } from '../groups/commit-offsets.ts';
import { poll } from '../groups/poll.ts';
import type { GroupOffset } from '../transactions/prepare.ts';
import { toCommit } from './leave-source.ts';
import { readInstance, saveInstance, touchInstance } from './store.ts';

/** Throws `NOT_FOUND`, and what commits of members are refused with. */
export async function commitInstance(
  broker: Broker,
  id: InstanceId,
  { offsets, authorize }: { offsets: readonly GroupOffset[]; authorize: (topic: string) => void },
): Promise<void> {
  const instance = await readInstance(broker, id);
  const { from } = instance;
  for (const { topic } of offsets) authorize(topic);
  const memberId = from.source === 'subscription' ? from.memberId : undefined;
  await commitOffsets(broker, { group: id.group, memberId, offsets });
  await touchInstance(broker, id, instance);
}

/** Throws `NOT_FOUND`, and what commits of members are refused with. */
export async function commitDelivered(
  broker: Broker,
  id: InstanceId,
  { authorize }: { authorize: (topic: string) => void },
): Promise<void> {
  const instance = await readInstance(broker, id);
  const { from } = instance;
  const after = await committed(broker, { id, instance }, authorize);
  // Another request that was faster has what is committed as not committed yet; to commit it again changes nothing.
  if (after !== from) await saveInstance(broker, id, instance, { from: after });
  else await touchInstance(broker, id, instance);
}

async function committed(
  broker: Broker,
  { id: { group }, instance }: { id: InstanceId; instance: ConsumerInstance },
  authorize: (topic: string) => void,
): Promise<InstanceSource> {
  const { from, reset } = instance;
  if (from.source === 'assignment') {
    for (const { topic } of from.positions) authorize(topic);
    const offsets = toCommit(from.positions);
    if (offsets.length === 0) return from;
    await commitOffsets(broker, { group, offsets });
    return { ...from, positions: from.positions.map((position) => ({ ...position, fresh: false })) };
  }
  if (from.source === 'nothing' || from.memberId === undefined || from.cursor === undefined) return from;
  const { memberId, cursor } = from;
  const heartbeat = { maxRecords: 0, maxBytes: 1, waitMs: 0, reset, authorize, wishes: {} };
  const result = await poll(broker, { ...heartbeat, group, memberId, cursor, commit: 'delivered' });
  return { ...from, cursor: result.cursor([]) };
}
