/**
 * Who reads offsets as a member of a consumer group is to be one, under the epoch that it was told last: with an older
 * one it may go by an assignment that has changed since. Deliberately without a fence: what is read is harmless, since
 * commits have their own.
 */
import { readsAsMember } from '../../coordination/groups/fence.ts';
import { type MemberName, seatOf } from '../../coordination/groups/seat.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import type { Broker } from '../broker.ts';
import { readMember, readState } from './group-items.ts';
import { orThrow } from './refusals.ts';
import { withFullName } from './with-full-name.ts';

/** Throws `UNKNOWN_MEMBER_ID` or `FENCED_MEMBER_EPOCH`. Of groups of other kinds anybody may read, as in Kafka. */
export async function requireCurrentMember(
  broker: Broker,
  { group, name, epoch }: { group: string; name: MemberName; epoch: number },
): Promise<void> {
  checkGroupId(group);
  const state = await readState(broker.metadata, group);
  if (state?.kind !== 'consumer') return;
  await withFullName(broker, { group, name }, async (full) => {
    orThrow(readsAsMember(await readMember(broker.metadata, group, seatOf(full)), { name: full, epoch }));
  });
}
