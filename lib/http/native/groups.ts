/** Groups over HTTP: what they have committed, who is in them, and how far behind they are. */
import type { z } from '@hono/zod-openapi';
import { deleteGroup } from '../../broker/groups/delete-group.ts';
import { type DescribedGroup, describeGroup } from '../../broker/groups/describe-group.ts';
import type { GroupView } from '../../broker/groups/group-view.ts';
import { listCommittedOffsets } from '../../broker/groups/list-committed-offsets.ts';
import { listGroups } from '../../broker/groups/list-groups.ts';
import type { TopicPartitions } from '../../broker/groups/poll.ts';
import { type PartitionReset, type ResetTo, resetOffsets } from '../../broker/groups/reset-offsets.ts';
import type { Member } from '../../coordination/groups/member-item.ts';
import { mayDo, type Principal } from '../../coordination/tenants/principal.ts';
import { emptyAnswer, jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { malformedField } from '../problems.ts';
import { mountPoll } from './groups-poll.ts';
import {
  deleteGroupRoute,
  describeGroupRoute,
  listCommittedOffsetsRoute,
  listGroupsRoute,
  resetOffsetsRoute,
  resetOffsetsSchema,
} from './groups-routes.ts';
import { jsonBody, mount } from './mount.ts';
import { requireScope } from './name-scopes.ts';

export function mountGroups(door: Door): void {
  const { broker } = door.options;
  mountPoll(door);

  mount(door, listCommittedOffsetsRoute, async ({ params: { group }, query, principal }) => {
    requireScope(principal, 'consume', 'group', group);
    const { offsets, next } = await listCommittedOffsets(broker, { group, ...query });
    const visible = offsets.filter(({ topic }) => mayRead(principal, topic));
    return jsonAnswer(
      JSON.stringify({
        offsets: visible.map(({ topic, partition, offset, leaderEpoch, metadata, committedMs }) => ({
          topic,
          partition,
          offset,
          leader_epoch: leaderEpoch,
          metadata,
          committed_at: committedMs,
        })),
        next,
      }),
    );
  });

  mount(door, resetOffsetsRoute, async ({ context, params: { group }, principal }) => {
    requireScope(principal, 'consume', 'group', group);
    const body = await jsonBody(door, context, resetOffsetsSchema);
    for (const { topic } of body.offsets) requireScope(principal, 'consume', 'topic', topic);
    const offsets = await resetOffsets(broker, {
      group,
      resets: body.offsets.map(partitionReset),
      dryRun: body.dry_run === true,
    });
    const answered = offsets.map(({ topic, partition, offset, before }) => {
      return { topic, partition, offset, previous_offset: before };
    });
    return jsonAnswer(JSON.stringify({ offsets: answered }));
  });

  mount(door, listGroupsRoute, async ({ query, principal }) => {
    const { groups, next } = await listGroups(broker, { ...query, isVisible: (group) => mayRead(principal, group) });
    return jsonAnswer(JSON.stringify({ groups: groups.map(listAnswer), next }));
  });

  mount(door, describeGroupRoute, async ({ params: { group }, principal }) => {
    requireScope(principal, 'consume', 'group', group);
    return jsonAnswer(JSON.stringify(groupAnswer(await describeGroup(broker, group), principal)));
  });

  mount(door, deleteGroupRoute, async ({ params: { group }, principal }) => {
    requireScope(principal, 'consume', 'group', group);
    await deleteGroup(broker, group);
    return emptyAnswer(204);
  });
}

/** The names of groups are covered by the prefixes of keys as those of topics are. */
function mayRead(principal: Principal | undefined, name: string): boolean {
  return principal === undefined || mayDo(principal, 'consume', name);
}

function summaryOf({ group, status, state }: GroupView) {
  return { group, state: status, kind: state?.kind, generation: state?.epoch ?? 0 };
}

function groupAnswer(described: DescribedGroup, principal: Principal | undefined) {
  const { members, assignments, target, state } = described;
  return {
    ...summaryOf(described),
    assignor: state?.kind === 'consumer' ? target?.assignor : undefined,
    members: [...members.values()].map((member) => {
      const assignment = assignments.get(member.seat) ?? [];
      return memberAnswer(
        member,
        assignment.filter(({ topic }) => mayRead(principal, topic)),
      );
    }),
    partitions: described.partitions
      .filter(({ topic }) => mayRead(principal, topic))
      .map(({ topic, partition, committed, logStart, highWatermark, lag, memberId }) => ({
        topic,
        partition,
        committed_offset: committed,
        log_start_offset: logStart,
        high_watermark: highWatermark,
        lag,
        member: memberId,
      })),
  };
}

function listAnswer(view: GroupView) {
  return { ...summaryOf(view), member_count: view.members.size };
}

function memberAnswer(member: Member, assignment: readonly TopicPartitions[]) {
  const said =
    member.kind === 'consumer'
      ? {
          topics: member.subscription.names,
          topic_pattern: member.subscription.pattern,
          assignor: member.assignor,
        }
      : {};
  return {
    member: member.memberId ?? null,
    instance_id: member.instanceId,
    client: member.client,
    generation: member.epoch,
    ...said,
    assignment,
    session_timeout_ms: member.sessionTimeoutMs,
    seen_at: member.seenMs,
  };
}

function partitionReset(given: z.output<typeof resetOffsetsSchema>['offsets'][number], index: number): PartitionReset {
  const { topic, partition } = given;
  return { topic, ...(partition !== undefined && { partition }), to: resetTo(given, `offsets[${index}]`) };
}

function resetTo(
  { offset, timestamp, shift_by: by, metadata }: z.output<typeof resetOffsetsSchema>['offsets'][number],
  field: string,
): ResetTo {
  if ([offset, timestamp, by].filter((to) => to !== undefined).length !== 1) {
    throw malformedField(field, 'must have one of offset, timestamp and shift_by');
  }
  if (metadata !== undefined && typeof offset !== 'number') {
    throw malformedField(`${field}.metadata`, 'must be beside an offset that is a number');
  }
  if (typeof offset === 'number') return { to: 'offset', offset, ...(metadata !== undefined && { metadata }) };
  if (offset !== undefined) return { to: offset };
  return timestamp === undefined ? { to: 'shift', by: by ?? 0 } : { to: 'timestamp', timestampMs: timestamp };
}
