/** What is decided on in a classic group: its state, the generation of that state, and its members. */
import {
  decodeGeneration,
  type Generation,
  generationKey,
} from '../../../coordination/groups/classic/generation-item.ts';
import type { GroupState } from '../../../coordination/groups/group-item.ts';
import { admit } from '../../../coordination/groups/join.ts';
import type { ClassicMember, Member } from '../../../coordination/groups/member-item.ts';
import { type MemberName, type Seat, seatOf } from '../../../coordination/groups/seat.ts';
import { MillraceError } from '../../../kernel/errors.ts';
import { groupLimits } from '../../../kernel/limits/groups.ts';
import type { MetadataStore } from '../../../storage/metadata/port.ts';
import { readMembers, readSeats, readState } from '../group-items.ts';
import { orThrow } from '../refusals.ts';

export interface ClassicView {
  state: GroupState | undefined;
  generation: Generation | undefined;
  members: ReadonlyMap<Seat, Member>;
}

/** Strongly read, members last. `seats`: of these only; absent: of all members. */
export async function readClassic(
  metadata: MetadataStore,
  group: string,
  seats?: readonly Seat[],
): Promise<ClassicView> {
  const { state, generation } = await readRound(metadata, group);
  const members = seats === undefined ? await readMembers(metadata, group) : await readSeats(metadata, group, seats);
  return { state, generation, members };
}

/**
 * The two are written together, and read one after the other: a generation that is newer than the state was written
 * between the reads, which are then made again.
 */
async function readRound(metadata: MetadataStore, group: string) {
  let state: GroupState | undefined;
  let generation: Generation | undefined;
  for (let reads = 0; reads < groupLimits.groupDecisionsMax; reads++) {
    state = await readState(metadata, group);
    if (state === undefined) return { state, generation: undefined };
    const attributes = await metadata.get(generationKey(group), 'strong');
    generation = attributes && decodeGeneration(attributes);
    if (generation === undefined || generation.generation <= state.epoch) break;
  }
  return { state, generation };
}

/** Throws `UNKNOWN_MEMBER_ID` or `FENCED_INSTANCE_ID` where the caller is not the member that has the seat. */
export function memberIn({ members }: Pick<ClassicView, 'members'>, name: MemberName): ClassicMember {
  const { member } = orThrow(admit(members.get(seatOf(name)), name));
  if (member.kind === 'classic') return member;
  throw new MillraceError('UNKNOWN_MEMBER_ID', `The member ${name.memberId} is one of another protocol.`);
}
