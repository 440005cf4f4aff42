/** A classic group for whoever describes it by Kafka's protocol. */
import { assignmentOf, type Generation, isIn } from '../../../coordination/groups/classic/generation-item.ts';
import type { ClassicMember } from '../../../coordination/groups/member-item.ts';
import { type GroupStatus, groupStatus } from '../../../coordination/groups/status.ts';
import { checkGroupId } from '../../../coordination/transactions/ids.ts';
import { EMPTY_BYTES } from '../../../kernel/bytes.ts';
import type { Broker } from '../../broker.ts';
import { noSuchGroup, viewGroup } from '../group-view.ts';
import { lookOver } from '../look-over.ts';
import { readClassic } from './classic-view.ts';

export interface DescribedClassicMember {
  member: ClassicMember;
  /** Of the group's protocol, and what its leader assigned: empty until a generation has both. */
  metadata: Uint8Array;
  assignment: Uint8Array;
}

export interface DescribedClassic {
  status: GroupStatus;
  /**
   * That of the last members where there are none now; empty where there were none, as of groups that only commit
   * offsets.
   */
  protocolType: string;
  protocol: string;
  members: readonly DescribedClassicMember[];
}

/** Throws `GROUP_ID_NOT_FOUND`, also of a group whose partitions are assigned here. */
export async function describeClassic(broker: Broker, group: string): Promise<DescribedClassic> {
  checkGroupId(group);
  // Who is gone is not to be shown as a member because nobody else has looked.
  await lookOver(broker, group, await broker.groups.state(group, 0));
  const { state, generation, members } = await readClassic(broker.metadata, group);
  if (state === undefined || (state.kind === 'consumer' && state.members === 0)) {
    // Of a group without members nobody can say which kind its next one is.
    if ((await viewGroup(broker, group)) === undefined) throw noSuchGroup(group);
    return { status: 'Empty', protocolType: '', protocol: '', members: [] };
  }
  if (state.kind !== 'classic') throw noSuchGroup(group);
  const status = groupStatus(state, { target: undefined, members });
  const { protocolType = '', round: { protocol = '' } = {} } = state;
  const isStable = status === 'Stable';
  const own = [...members.values()].filter((member) => member.kind === 'classic' && member.joining > 0);
  return {
    status,
    protocolType,
    protocol: isStable ? protocol : '',
    members: (own as ClassicMember[]).map((member) => ({
      member,
      metadata: isStable ? metadataOf(member, protocol) : EMPTY_BYTES,
      assignment: isStable ? assignedTo(member, generation) : EMPTY_BYTES,
    })),
  };
}

function metadataOf({ protocols }: ClassicMember, protocol: string): Uint8Array {
  return protocols.find(({ name }) => name === protocol)?.metadata ?? EMPTY_BYTES;
}

function assignedTo(member: ClassicMember, generation: Generation | undefined): Uint8Array {
  return generation !== undefined && isIn(generation, member) ? assignmentOf(generation, member.seat) : EMPTY_BYTES;
}
