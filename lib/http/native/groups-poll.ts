/** Poll, leave and commit over HTTP. */
import type { z } from '@hono/zod-openapi';
import { commitOffsets } from '../../broker/groups/commit-offsets.ts';
import { leaveGroup } from '../../broker/groups/leave-group.ts';
import { type PolledPartition, type PollRequest, type PollResult, poll } from '../../broker/groups/poll.ts';
import type { GroupOffset } from '../../broker/transactions/prepare.ts';
import { mayDo, type Principal } from '../../coordination/tenants/principal.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { emptyAnswer, jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { waitingFor } from './fetch-request.ts';
import type { Encoding } from './fetch-routes.ts';
import {
  commitOffsetsRoute,
  commitSchema,
  leaveGroupRoute,
  leaveSchema,
  pollRoute,
  pollSchema,
} from './groups-poll-routes.ts';
import { jsonBody, mount } from './mount.ts';
import { requireScope } from './name-scopes.ts';
import { rackOf } from './rack-header.ts';
import { renderRecords } from './render-records.ts';

export function mountPoll(door: Door): void {
  const { broker } = door.options;

  mount(door, pollRoute, async (call) => {
    const { context, params, principal } = call;
    requireScope(principal, 'consume', 'group', params.group);
    const body = await jsonBody(door, context, pollSchema);
    const request: PollRequest = {
      group: params.group,
      ...pollRequest(body, principal, context.req.header('user-agent')),
      rack: rackOf((name) => context.req.header(name)),
    };
    const waitMs = request.maxRecords === 0 ? 0 : request.waitMs;
    const result = await waitingFor(door, call, waitMs, (signal) => poll(broker, { ...request, waitMs, signal }));
    return pollAnswer(result, { encoding: body.encoding ?? 'utf8', maxBytes: request.maxBytes });
  });

  mount(door, leaveGroupRoute, async ({ context, params: { group }, principal }) => {
    requireScope(principal, 'consume', 'group', group);
    const { member, cursor, instance_id: instanceId, keep_seat: keepSeat } = await jsonBody(door, context, leaveSchema);
    await leaveGroup(broker, {
      group,
      memberId: member,
      keepSeat,
      ...(cursor !== undefined && { cursor }),
      ...(instanceId !== undefined && { instanceId }),
    });
    return emptyAnswer(204);
  });

  mount(door, commitOffsetsRoute, async ({ context, params: { group }, principal }) => {
    requireScope(principal, 'consume', 'group', group);
    const body = await jsonBody(door, context, commitSchema);
    const { member: memberId, generation: epoch, instance_id: instanceId } = body;
    const offsets = offsetsAllowed(principal, body.offsets);
    await commitOffsets(broker, { group, memberId, epoch, instanceId, offsets });
    return emptyAnswer(204);
  });
}

function pollRequest(
  body: z.output<typeof pollSchema>,
  principal: Principal | undefined,
  client: string | undefined,
): Omit<PollRequest, 'group'> {
  const authorize = (topic: string) => requireScope(principal, 'consume', 'topic', topic);
  for (const topic of body.topics ?? []) authorize(topic);
  if (body.topic_pattern !== undefined) requireAllTopics(principal);
  const { commit = 'delivered' } = body;
  return {
    memberId: body.member,
    joinId: body.join_id,
    cursor: body.cursor,
    wishes: {
      instanceId: body.instance_id,
      names: body.topics,
      pattern: body.topic_pattern,
      assignor: body.assignor,
      sessionTimeoutMs: body.session_timeout_ms,
      rebalanceTimeoutMs: body.rebalance_timeout_ms,
      client: client?.slice(0, groupLimits.groupClientLengthMax),
    },
    commit: typeof commit === 'string' ? commit : offsetsAllowed(principal, commit),
    reset: body.auto_offset_reset ?? 'latest',
    maxRecords: Math.min(body.max_records ?? requestLimits.fetchRecordsDefault, requestLimits.fetchRecordsMax),
    maxBytes: Math.min(body.max_bytes ?? requestLimits.fetchBytesDefault, requestLimits.fetchBytesMax),
    waitMs: Math.min(body.wait_ms ?? 0, requestLimits.fetchWaitMsMax),
    paused: body.paused,
    seek: body.seek,
    authorize,
  };
}

/** Which topics a pattern means changes behind the key's back. */
export function requireAllTopics(principal: Principal | undefined): void {
  if (principal === undefined || mayDo(principal, 'consume')) return;
  const detail = `The key "${principal.id}" lacks the scope consume on all topics, which a topic pattern needs.`;
  throw new MillraceError('FORBIDDEN', detail);
}

function offsetsAllowed(
  principal: Principal | undefined,
  offsets: z.output<typeof commitSchema>['offsets'],
): GroupOffset[] {
  for (const { topic } of offsets) requireScope(principal, 'consume', 'topic', topic);
  return offsets.map(({ topic, partition, offset, leader_epoch: leaderEpoch, metadata }) => {
    return { topic, partition, offset, leaderEpoch, metadata };
  });
}

function pollAnswer(result: PollResult, options: { encoding: Encoding; maxBytes: number }): Response {
  const { texts, nextOffsets } = renderPartitions(result.partitions, options);
  const { memberId, epoch, assignment, revoked } = result;
  const head = JSON.stringify({ member: memberId, generation: epoch, cursor: result.cursor(nextOffsets), assignment });
  return jsonAnswer(`${head.slice(0, -1)},"records":[${texts.join(',')}],"revoked":${JSON.stringify(revoked)}}`);
}

/** As many records as fit, one in any case; and how far that is in each partition. */
function renderPartitions(
  partitions: readonly PolledPartition[],
  { encoding, maxBytes }: { encoding: Encoding; maxBytes: number },
): { texts: string[]; nextOffsets: number[] } {
  const texts: string[] = [];
  let left = maxBytes;
  const nextOffsets = partitions.map(({ topic, partition, records, offset, nextOffset }) => {
    if (texts.length > 0 && left <= 0) return offset;
    // Names of topics need no escapes.
    const prefix = `{"topic":"${topic}","partition":${partition},`;
    const rendered = renderRecords(records, { encoding, bytesMax: left, frameBytes: prefix.length, nextOffset });
    if (texts.length > 0 && rendered.bytes > left) return offset;
    left -= rendered.bytes;
    for (const text of rendered.texts) texts.push(prefix + text.slice(1));
    return rendered.nextOffset;
  });
  return { texts, nextOffsets };
}
