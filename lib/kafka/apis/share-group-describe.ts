/** ShareGroupDescribe: share groups with their members, and what those are to fetch from. */
import { describeShare } from '../../broker/share-groups/describe-share.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Call, ResponseOf, ServedApi } from '../api.ts';
import { canSee, groupTopicsDenied } from '../authorization/authorization.ts';
import { NONE } from '../failures.ts';
import { describeEach, undescribed as refused } from '../groups/describe-each.ts';
import { toldOfGroup } from '../groups/group-failures.ts';

type Described = ResponseOf<'ShareGroupDescribe'>['groups'][number];

/** Kafka's name for what `assignShared` does. */
const ASSIGNOR = 'simple';

export const shareGroupDescribe: ServedApi<'ShareGroupDescribe'> = {
  lowest: 1,
  highest: 1,
  answerBytes: (_call, { groupIds }) => groupIds.length * kafkaLimits.kafkaAnswerGroupBytes,
  handle: async (call, { groupIds, includeAuthorizedOperations }) => ({
    groups: await describeEach(call, { groups: groupIds, includeAuthorizedOperations }, { describe, refused }),
  }),
  failed: (_call, { groupIds }, failure) => ({ groups: groupIds.map((group) => refused(group, toldOfGroup(failure))) }),
};

async function describe(call: Call, group: string): Promise<Described> {
  const { status, epoch, targetEpoch, members } = await describeShare(call.gateway.broker, group);
  const isHidden = members.flatMap(({ assigned }) => assigned).some(({ topicName }) => !canSee(call, topicName));
  if (isHidden) return refused(group, groupTopicsDenied);
  return {
    errorCode: NONE,
    groupId: group,
    groupState: status,
    groupEpoch: epoch,
    assignmentEpoch: targetEpoch,
    assignorName: ASSIGNOR,
    members: members.map(({ member, assigned }) => ({
      memberId: member.memberId ?? '',
      memberEpoch: targetEpoch,
      clientId: member.client ?? '',
      clientHost: member.host ?? '',
      subscribedTopicNames: member.subscription.names,
      assignment: { topicPartitions: assigned },
    })),
  };
}
