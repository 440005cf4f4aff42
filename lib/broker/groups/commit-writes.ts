/**
 * Commits of a member, each in one atomic write with a condition on the member's item. That write also replaces the
 * item: an attempt whose answer was lost can then not be applied later, after a newer commit.
 */
import type { Position } from '../../coordination/groups/cursor.ts';
import { decideCommit } from '../../coordination/groups/fence.ts';
import { type ConsumerMember, type Member, planUnchanged } from '../../coordination/groups/member-item.ts';
import { minus, partitionsOf } from '../../coordination/groups/partitions.ts';
import type { MemberName } from '../../coordination/groups/seat.ts';
import type { PendingOffset } from '../../coordination/transactions/part-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { chunked } from '../../kernel/map-bounded.ts';
import type { WriteResult } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';
import { offsetWrites } from '../transactions/prepare.ts';
import { refusal } from './refusals.ts';

/** Items of one transaction beside that of the member. */
const OFFSET_ITEMS_MAX = storageLimits.transactionItemsMax - 1;

/**
 * Writes the offsets and, with the last of them, `last`, a write of the member's item. More offsets than one atomic
 * write has come before, each on the condition that the item is unchanged; where it is not any more after some, their
 * outcome is told as unknown, and found out by another attempt.
 */
export async function writeCommit(
  { metadata, clock }: Broker,
  { group, member, offsets, last }: { group: string; member: Member; offsets: readonly PendingOffset[]; last: Write },
): Promise<WriteResult> {
  const chunks = chunked(offsetWrites(offsets, clock.now()), OFFSET_ITEMS_MAX);
  const tail = chunks.pop() ?? [];
  const unchanged = planUnchanged(group, member);
  for (const [index, chunk] of chunks.entries()) {
    const result = await metadata.write([unchanged, ...chunk]);
    if (result.outcome === 'refused' && index > 0) throw partlyApplied();
    if (result.outcome === 'refused') return result;
  }
  const result = await metadata.write([last, ...tail]);
  if (result.outcome === 'refused' && chunks.length > 0) throw partlyApplied();
  return result;
}

function partlyApplied(): MillraceError {
  const detail = 'A part of the offsets is committed; the member has changed before the others were.';
  return new MillraceError('REQUEST_TIMED_OUT', detail, { effect: 'unknown' });
}

/** Throws where the member may not commit these. */
export function checkCommit(
  present: Member | undefined,
  { name, epoch, offsets }: { name: MemberName; epoch: number | undefined; offsets: readonly PendingOffset[] },
): Member {
  const decided = decideCommit(present, {
    name,
    epoch: epoch ?? present?.epoch ?? 0,
    partitions: partitionsOf(offsets),
  });
  if (decided.outcome === 'commit') return decided.member;
  if (decided.code === 'INVALID_REQUEST' && present?.kind === 'consumer') throw notOwned(present, offsets);
  throw refusal(decided);
}

/** The same by the topic's name. */
function notOwned(member: ConsumerMember, offsets: readonly PendingOffset[]): MillraceError {
  const foreign = offsets.find((offset) => minus(partitionsOf([offset]), member.owned).size > 0);
  const detail = `Partition ${foreign?.partition} of the topic ${foreign?.topic} is not the member's.`;
  return new MillraceError('INVALID_REQUEST', detail, { facts: { field: OFFSETS_FIELD } });
}

const OFFSETS_FIELD = 'offsets';

/** Whether a commit was refused because a partition of it is not the member's. */
export function isOfForeign(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'INVALID_REQUEST' && error.facts.field === OFFSETS_FIELD;
}

export function pendingOf(
  group: string,
  positions: readonly Position[],
  names: ReadonlyMap<TopicId, { name: string }>,
): PendingOffset[] {
  return positions.flatMap(({ topicId, partition, offset, leaderEpoch }) => {
    const topic = names.get(topicId)?.name;
    return topic === undefined ? [] : [{ group, topic, topicId, partition, offset, leaderEpoch }];
  });
}
