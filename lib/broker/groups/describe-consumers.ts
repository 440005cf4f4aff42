/** A group whose partitions are assigned here, for whoever describes it by Kafka's protocol. */
import type { ConsumerMember } from '../../coordination/groups/member-item.ts';
import { NO_PARTITIONS, type Partitions } from '../../coordination/groups/partitions.ts';
import type { GroupStatus } from '../../coordination/groups/status.ts';
import type { Target } from '../../coordination/groups/target-item.ts';
import { entryOf } from '../../coordination/groups/withdrawals.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Broker } from '../broker.ts';
import { noSuchGroup, viewGroup, viewType } from './group-view.ts';
import { lookOver } from './look-over.ts';
import { topicsOf } from './topic-directory.ts';

export interface DescribedConsumer {
  member: ConsumerMember;
  owned: NamedPartitions[];
  target: NamedPartitions[];
}

export interface NamedPartitions {
  topicId: TopicId;
  topicName: string;
  partitions: readonly number[];
}

export interface DescribedConsumers {
  status: GroupStatus;
  epoch: number;
  targetEpoch: number;
  assignor: Target['assignor'] | undefined;
  members: DescribedConsumer[];
}

/** Throws `GROUP_ID_NOT_FOUND`, also of a group of the classic protocol. */
export async function describeConsumers(broker: Broker, group: string): Promise<DescribedConsumers> {
  checkGroupId(group);
  await lookOver(broker, group, await broker.groups.state(group, 0));
  const view = await viewGroup(broker, group);
  if (view === undefined || viewType(view) !== 'consumer') throw noSuchGroup(group);
  const { state, target, status } = view;
  const members: DescribedConsumer[] = [];
  for (const member of view.members.values()) {
    if (member.kind !== 'consumer') continue;
    const assigned = target === undefined ? undefined : entryOf(target, member)?.assigned;
    const [owned, wanted] = [member.owned, assigned ?? NO_PARTITIONS];
    members.push({
      member,
      owned: await named(broker, member, owned),
      target: await named(broker, member, wanted),
    });
  }
  return {
    status,
    epoch: state?.epoch ?? 0,
    targetEpoch: target?.epoch ?? 0,
    assignor: target?.assignor,
    members,
  };
}

/** Of a member's partitions, those of topics that are there. */
export async function named(
  broker: Broker,
  { subscription }: Pick<ConsumerMember, 'subscription'>,
  partitions: Partitions,
): Promise<NamedPartitions[]> {
  if (partitions.size === 0) return [];
  const topics = await topicsOf(broker, subscription, partitions);
  return [...partitions].flatMap(([topicId, own]) => {
    const topicName = topics.get(topicId)?.name;
    return topicName === undefined ? [] : [{ topicId, topicName, partitions: own }];
  });
}
