/**
 * DescribeGroups: of groups whose members assign their partitions; the others are described by ConsumerGroupDescribe.
 */
import { describeClassic } from '../../broker/groups/classic/describe-classic.ts';
import { errorRow } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Call, ResponseOf, ServedApi } from '../api.ts';
import { type Failure, NONE } from '../failures.ts';
import { describeEach } from '../groups/describe-each.ts';
import { toldOfGroup } from '../groups/group-failures.ts';

type Described = ResponseOf<'DescribeGroups'>['groups'][number];

/** Before this version a group that is not there is dead, and that is no error (KIP-1043). */
const NOT_FOUND_FROM = 6;
const NOT_FOUND = errorRow('GROUP_ID_NOT_FOUND').kafkaCode;

export const describeGroups: ServedApi<'DescribeGroups'> = {
  lowest: 0,
  highest: 6,
  answerBytes: (_call, { groups }) => groups.length * kafkaLimits.kafkaAnswerGroupBytes,
  handle: async (call, { groups, includeAuthorizedOperations }) => ({
    groups: await describeEach(
      call,
      { groups, includeAuthorizedOperations },
      { describe, refused: (group, failure) => refused(call, group, failure) },
    ),
  }),
  failed: (call, { groups }, failure) => ({
    groups: groups.map((group) => refused(call, group, toldOfGroup(failure))),
  }),
};

async function describe(call: Call, group: string): Promise<Described> {
  const { status, protocolType, protocol, members } = await describeClassic(call.gateway.broker, group);
  return {
    errorCode: NONE,
    groupId: group,
    groupState: status,
    protocolType,
    protocolData: protocol,
    members: members.map(({ member, metadata, assignment }) => ({
      memberId: member.memberId ?? '',
      groupInstanceId: member.instanceId ?? null,
      clientId: member.client ?? '',
      clientHost: member.host ?? '',
      memberMetadata: metadata,
      memberAssignment: assignment,
    })),
  };
}

function refused({ version }: Call, groupId: string, { code, message }: Failure): Described {
  const isDead = code === NOT_FOUND;
  return {
    errorCode: isDead && version < NOT_FOUND_FROM ? NONE : code,
    ...(version >= NOT_FOUND_FROM && { errorMessage: message }),
    groupId,
    groupState: isDead ? 'Dead' : '',
    protocolType: '',
    protocolData: '',
    members: [],
  };
}
