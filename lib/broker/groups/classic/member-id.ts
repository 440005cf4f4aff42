/** The id of a new classic member: as Kafka's, it begins with what the client calls itself. */
import { memberIdOf, newJoinId, seatOf } from '../../../coordination/groups/seat.ts';
import { groupLimits } from '../../../kernel/limits/groups.ts';
import type { Random } from '../../../kernel/random.ts';

export function newClassicMemberId(
  random: Random,
  { client, instanceId }: { client: string | undefined; instanceId: string | undefined },
): string {
  const joinId = newJoinId(random);
  const plain = memberIdOf(joinId, instanceId);
  if (instanceId !== undefined || client === undefined || client === '') return plain;
  const memberId = `${client.slice(0, groupLimits.groupMemberIdClientLengthMax).toWellFormed()}-${joinId}`;
  // A client that calls itself like the ids of static members here must not get the seat of one.
  return seatOf({ memberId }) === `d#${memberId}` ? memberId : plain;
}
