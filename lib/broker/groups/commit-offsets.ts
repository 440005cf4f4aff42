/**
 * Commits offsets of a group: for a member, fenced by its epoch; or for nobody, where the group has no members. Not
 * more than one atomic write has, so that either all of a commit is there or nothing.
 */
import { decideUnfenced } from '../../coordination/groups/fence.ts';
import { planMember, touched } from '../../coordination/groups/member-item.ts';
import { type MemberName, seatOf } from '../../coordination/groups/seat.ts';
import type { PendingOffset } from '../../coordination/transactions/part-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { overLimit } from '../../storage/metadata/check-writes.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import type { Broker } from '../broker.ts';
import { type GroupOffset, offsetWrites, prepareOffsets } from '../transactions/prepare.ts';
import { requireResting } from '../triggers/claim.ts';
import { decideAgain } from '../write-attempts.ts';
import { checkCommit, writeCommit } from './commit-writes.ts';
import { listGroup } from './group-directory.ts';
import { readMember, readState } from './group-items.ts';
import { orThrow } from './refusals.ts';

export interface CommitOffsetsRequest {
  group: string;
  memberId?: string;
  instanceId?: string;
  /**
   * The member's epoch; absent: whatever it is now. Below 0 it is none: of a consumer that takes its partitions by
   * itself, which may have a name all the same. While the group has no members, that is nobody in particular.
   */
  epoch?: number;
  offsets: readonly GroupOffset[];
}

/**
 * Throws `UNKNOWN_MEMBER_ID`, `FENCED_MEMBER_EPOCH`, `FENCED_INSTANCE_ID`, or `INVALID_REQUEST` for partitions that are
 * not the member's.
 */
export async function commitOffsets(broker: Broker, request: CommitOffsetsRequest): Promise<void> {
  const { group, memberId, instanceId, epoch } = request;
  const offsets = await prepareOffsets(broker, request);
  const items = offsetWrites(offsets, 0).length + 1;
  if (items > storageLimits.transactionItemsMax) {
    throw overLimit('transactionItemsMax', `A commit of ${items} items`, storageLimits.transactionItemsMax);
  }
  if (offsets.length === 0) return;
  if (memberId === undefined) {
    if (epoch !== undefined || instanceId !== undefined) {
      throw new MillraceError('INVALID_REQUEST', 'A generation is that of a member, which is missing.', {
        facts: { field: 'member' },
      });
    }
    return commitUnfenced(broker, group, offsets);
  }
  if (epoch !== undefined && epoch < 0 && ((await readState(broker.metadata, group))?.members ?? 0) === 0) {
    return commitUnfenced(broker, group, offsets);
  }
  const name: MemberName = { memberId, ...(instanceId !== undefined && { instanceId }) };
  let attempts = 0;
  return decideAgain('commit', async () => {
    if (attempts > 0) await broker.clock.sleep(retryPauseMs(attempts, broker.random));
    attempts++;
    const present = await readMember(broker.metadata, group, seatOf(name));
    const member = checkCommit(present, { name, epoch, offsets });
    const last = planMember(group, touched(member, broker.clock.now()));
    const written = await writeCommit(broker, { group, member, offsets, last });
    return written.outcome === 'refused' ? 'again' : { done: undefined };
  });
}

/** Of a group that stays without members until it is applied. */
async function commitUnfenced(broker: Broker, group: string, offsets: readonly PendingOffset[]): Promise<void> {
  await requireResting(broker, group);
  await listGroup(broker, group);
  return decideAgain('commit', async () => {
    const state = await readState(broker.metadata, group);
    const { fence } = orThrow(decideUnfenced(group, state));
    const written = await broker.metadata.write([fence, ...offsetWrites(offsets, broker.clock.now())]);
    return written.outcome === 'refused' ? 'again' : { done: undefined };
  });
}
