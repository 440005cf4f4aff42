/** A share group with its members and what they are to fetch from. */
import type { ShareMember } from '../../coordination/groups/member-item.ts';
import { NO_PARTITIONS } from '../../coordination/groups/partitions.ts';
import type { GroupStatus } from '../../coordination/groups/status.ts';
import { shareEntryOf } from '../../coordination/share-groups/share-target-item.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import type { Broker } from '../broker.ts';
import { type NamedPartitions, named } from '../groups/describe-consumers.ts';
import { noSuchGroup, viewGroup, viewType } from '../groups/group-view.ts';
import { lookOver } from '../groups/look-over.ts';
import { readShareTarget } from './share-cache.ts';

export interface DescribedShareGroup {
  status: GroupStatus;
  epoch: number;
  targetEpoch: number;
  members: { member: ShareMember; assigned: NamedPartitions[] }[];
}

/** Throws `GROUP_ID_NOT_FOUND`, also of a group of another kind. */
export async function describeShare(broker: Broker, group: string): Promise<DescribedShareGroup> {
  checkGroupId(group);
  await lookOver(broker, group, await broker.groups.state(group, 0));
  const view = await viewGroup(broker, group);
  if (view === undefined || viewType(view) !== 'share') throw noSuchGroup(group);
  const target = await readShareTarget(broker.metadata, group);
  const members: DescribedShareGroup['members'] = [];
  for (const member of view.members.values()) {
    if (member.kind !== 'share') continue;
    const assigned = (target && shareEntryOf(target, member)?.assigned) ?? NO_PARTITIONS;
    members.push({ member, assigned: await named(broker, member, assigned) });
  }
  return { status: view.status, epoch: view.state?.epoch ?? 0, targetEpoch: target?.epoch ?? 0, members };
}
