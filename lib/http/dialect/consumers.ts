/** Consumer instances in the dialect. */
import { commitDelivered, commitInstance } from '../../broker/instances/commit-instance.ts';
import { createInstance } from '../../broker/instances/create-instance.ts';
import { deleteInstance } from '../../broker/instances/delete-instance.ts';
import { type SeekTarget, seekInstance } from '../../broker/instances/seek-instance.ts';
import {
  assignInstance,
  describeSubscription,
  type SubscribeResult,
  subscribeInstance,
  unsubscribeInstance,
} from '../../broker/instances/subscribe-instance.ts';
import type { InstanceId } from '../../coordination/groups/instance-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { emptyAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { requireAllTopics } from '../native/groups-poll.ts';
import { malformedField, malformedRequest } from '../problems.ts';
import { requestUri } from './base-uri.ts';
import { mountDialectPoll } from './consumers-poll.ts';
import {
  assignRoute,
  commitRoute,
  createConsumerRoute,
  deleteConsumerRoute,
  listSubscriptionsRoute,
  seekRoute,
  seekToBeginningRoute,
  seekToEndRoute,
  subscribeRoute,
  unsubscribeRoute,
} from './consumers-routes.ts';
import { DialectError, ILLEGAL_STATE, INSTANCE_EXISTS, INVALID_CONSUMER_CONFIG } from './errors.ts';
import { type DialectCall, dialectBody, mountDialectRoute } from './mount.ts';
import { authorizeFor, groupOf, instanceOf } from './places.ts';
import { consumerSchema, offsetsSchema, partitionsSchema, topicsSchema } from './schemas.ts';

export function mountDialectConsumers(door: Door): void {
  mountLifecycle(door);
  mountSubscriptions(door);
  mountDialectPoll(door);
  mountPositions(door);
}

function mountLifecycle(door: Door): void {
  const { broker } = door.options;

  mountDialectRoute(door, createConsumerRoute, async (call) => {
    const group = groupOf(call);
    const { name: wanted, settings } = await consumerSettings(door, call);
    const { outcome, name } = await createInstance(broker, { group, name: wanted, settings });
    if (outcome === 'taken') {
      throw new DialectError(INSTANCE_EXISTS, `The group has a consumer instance "${name}" already.`);
    }
    const base_uri = `${requestUri(door, call.context)}/instances/${encodeURIComponent(name)}`;
    return call.answer(JSON.stringify({ instance_id: name, base_uri }));
  });

  mountDialectRoute(door, deleteConsumerRoute, async (call) => {
    await deleteInstance(broker, instanceOf(call));
    return emptyAnswer(204);
  });
}

/** What they mean by a wrong one has a code of its own. */
async function consumerSettings(door: Door, call: DialectCall) {
  try {
    const given = (await dialectBody(door, call, consumerSchema.optional())) ?? {};
    const waitMsMax = given['consumer.request.timeout.ms'];
    const minBytes = given['fetch.min.bytes'] ?? 0;
    return {
      name: given.name,
      settings: {
        format: given.format ?? 'binary',
        reset: given['auto.offset.reset'] ?? 'latest',
        autoCommit: given['enable.auto.commit'] ?? given['auto.commit.enable'] ?? true,
        ...(waitMsMax !== undefined && { waitMsMax }),
        ...(minBytes > 1 && { minBytes }),
      },
    };
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'INVALID_REQUEST') throw error;
    throw new DialectError(INVALID_CONSUMER_CONFIG, error.message);
  }
}

function mountSubscriptions(door: Door): void {
  const { broker } = door.options;

  mountDialectRoute(door, subscribeRoute, async (call) => {
    const id = instanceOf(call);
    const { topics: names, topic_pattern: pattern } = await dialectBody(door, call, topicsSchema);
    if (names !== undefined && pattern !== undefined) throw exclusive();
    if (names === undefined && pattern === undefined) {
      throw malformedRequest('a list of topics or a topic_pattern must be there');
    }
    for (const topic of names ?? []) authorizeFor(call)(topic);
    if (pattern !== undefined) requireAllTopics(call.principal);
    return doneOrExclusive(await subscribeInstance(broker, id, { names, pattern }));
  });

  mountDialectRoute(door, listSubscriptionsRoute, async (call) => {
    const { topics, partitions } = await describeSubscription(broker, instanceOf(call));
    const answer = { topics, partitions: partitions.map(({ topic, partitions: own }) => ({ [topic]: own })) };
    return call.answer(JSON.stringify(answer));
  });

  mountDialectRoute(door, unsubscribeRoute, async (call) => {
    await unsubscribeInstance(broker, instanceOf(call));
    return emptyAnswer(204);
  });

  mountDialectRoute(door, assignRoute, async (call) => {
    const id = instanceOf(call);
    const { partitions } = await dialectBody(door, call, partitionsSchema);
    for (const { topic } of partitions) authorizeFor(call)(topic);
    return doneOrExclusive(await assignInstance(broker, id, partitions));
  });
}

function doneOrExclusive(result: SubscribeResult): Response {
  if (result === 'exclusive') throw exclusive();
  return emptyAnswer(204);
}

function exclusive(): DialectError {
  return new DialectError(
    ILLEGAL_STATE,
    'Subscriptions to topics, to a pattern, and to partitions exclude each other.',
  );
}

function mountPositions(door: Door): void {
  const { broker } = door.options;

  mountDialectRoute(door, commitRoute, async (call) => {
    const id = instanceOf(call);
    const authorize = authorizeFor(call);
    const body = await dialectBody(door, call, offsetsSchema.partial().optional());
    if (body?.offsets === undefined) {
      await commitDelivered(broker, id, { authorize });
    } else {
      const offsets = body.offsets.map(({ topic, partition, offset, metadata }) => {
        return { topic, partition, offset, metadata: metadata ?? undefined };
      });
      await commitInstance(broker, id, { authorize, offsets });
    }
    return emptyAnswer(204);
  });

  mountDialectRoute(door, seekRoute, async (call) => {
    const id = instanceOf(call);
    const { offsets } = await dialectBody(door, call, offsetsSchema);
    return seek(door, id, {
      call,
      targets: offsets.map(({ topic, partition, offset }) => ({ topic, partition, to: offset })),
    });
  });

  for (const [route, to] of [
    [seekToBeginningRoute, 'earliest'],
    [seekToEndRoute, 'latest'],
  ] as const) {
    mountDialectRoute(door, route, async (call) => {
      const id = instanceOf(call);
      const { partitions } = await dialectBody(door, call, partitionsSchema);
      return seek(door, id, { call, targets: partitions.map(({ topic, partition }) => ({ topic, partition, to })) });
    });
  }
}

async function seek(
  door: Door,
  id: InstanceId,
  { call, targets }: { call: DialectCall; targets: readonly SeekTarget[] },
): Promise<Response> {
  if (targets.length > groupLimits.instancePartitionsMax) {
    throw malformedField('offsets or partitions', `must be at most ${groupLimits.instancePartitionsMax}`);
  }
  for (const { topic } of targets) authorizeFor(call)(topic);
  const result = await seekInstance(door.options.broker, id, targets);
  if (result.outcome === 'done') return emptyAnswer(204);
  throw new DialectError(
    404,
    `Partition ${result.partition} of ${result.topic} is not one that the instance consumes.`,
  );
}
