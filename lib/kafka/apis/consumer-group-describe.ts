/** ConsumerGroupDescribe: of groups whose partitions are assigned here; the others are described by DescribeGroups. */
import { describeConsumers } from '../../broker/groups/describe-consumers.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Call, ResponseOf, ServedApi } from '../api.ts';
import { canSee, groupTopicsDenied } from '../authorization/authorization.ts';
import { NONE } from '../failures.ts';
import { describeEach, undescribed as refused } from '../groups/describe-each.ts';
import { toldOfGroup } from '../groups/group-failures.ts';
import { assignorTold } from '../groups/members.ts';

type Described = ResponseOf<'ConsumerGroupDescribe'>['groups'][number];

/** From this version on members have a type; this is that of members of KIP-848. */
const TYPES_FROM = 1;
const CONSUMER_TYPE = 1;
/** The member epoch of a static member that means to come back. */
const AWAY = -2;

export const consumerGroupDescribe: ServedApi<'ConsumerGroupDescribe'> = {
  lowest: 0,
  highest: 1,
  answerBytes: (_call, { groupIds }) => groupIds.length * kafkaLimits.kafkaAnswerGroupBytes,
  handle: async (call, { groupIds, includeAuthorizedOperations }) => ({
    groups: await describeEach(call, { groups: groupIds, includeAuthorizedOperations }, { describe, refused }),
  }),
  failed: (_call, { groupIds }, failure) => ({ groups: groupIds.map((group) => refused(group, toldOfGroup(failure))) }),
};

async function describe(call: Call, group: string): Promise<Described> {
  const { status, epoch, targetEpoch, assignor, members } = await describeConsumers(call.gateway.broker, group);
  const topics = members.flatMap(({ owned, target }) => [...owned, ...target]);
  if (topics.some(({ topicName }) => !canSee(call, topicName))) return refused(group, groupTopicsDenied);
  return {
    errorCode: NONE,
    groupId: group,
    groupState: status,
    groupEpoch: epoch,
    assignmentEpoch: targetEpoch,
    assignorName: assignor === undefined ? '' : assignorTold(assignor),
    members: members.map(({ member, owned, target }) => ({
      memberId: member.memberId ?? member.awayId ?? '',
      instanceId: member.instanceId ?? null,
      memberEpoch: member.memberId === undefined ? AWAY : member.epoch,
      clientId: member.client ?? '',
      clientHost: member.host ?? '',
      subscribedTopicNames: member.subscription.names,
      subscribedTopicRegex: member.subscription.pattern ?? null,
      assignment: { topicPartitions: owned },
      targetAssignment: { topicPartitions: target },
      memberType: call.version >= TYPES_FROM ? CONSUMER_TYPE : -1,
    })),
  };
}
