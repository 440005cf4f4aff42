/** Topics and their partitions in the dialect. */
import { createTopic } from '../../broker/topics/create-topic.ts';
import { describePartition, describeTopic, type PartitionDescription } from '../../broker/topics/describe-topic.ts';
import { listTopics } from '../../broker/topics/list-topics.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { Door } from '../door.ts';
import { visiblePrefixes } from '../native/mount.ts';
import { dialectBody, mountDialectRoute } from './mount.ts';
import { partitionOf, topicOf } from './places.ts';
import { newTopicSchema } from './schemas.ts';
import {
  createTopicRoute,
  getOffsetsRoute,
  getPartitionRoute,
  getTopicRoute,
  listPartitionsRoute,
  listTopicsRoute,
} from './topics-routes.ts';

export function mountDialectTopics(door: Door): void {
  const { broker } = door.options;

  mountDialectRoute(door, listTopicsRoute, async (call) =>
    call.answer(JSON.stringify(await allNames(door, visiblePrefixes(call.principal)))),
  );

  mountDialectRoute(door, getTopicRoute, async (call) => {
    const { name, config, partitionDetails } = await describeTopic(broker, topicOf(call));
    return call.answer(JSON.stringify({ name, configs: config, partitions: partitionDetails.map(partitionAnswer) }));
  });

  mountDialectRoute(door, listPartitionsRoute, async (call) => {
    const { partitionDetails } = await describeTopic(broker, topicOf(call));
    return call.answer(JSON.stringify(partitionDetails.map(partitionAnswer)));
  });

  mountDialectRoute(door, getPartitionRoute, async (call) => {
    const { topic, partition } = await partitionOf(broker, call);
    return call.answer(JSON.stringify(partitionAnswer(await describePartition(broker, topic, partition))));
  });

  mountDialectRoute(door, getOffsetsRoute, async (call) => {
    const { topic, partition } = await partitionOf(broker, call);
    const { logStartOffset, highWatermark } = await describePartition(broker, topic, partition);
    return call.answer(JSON.stringify({ beginning_offset: logStartOffset, end_offset: highWatermark }));
  });

  mountDialectRoute(door, createTopicRoute, async (call) => {
    const { topic_name, partitions_count, replication_factor } = await dialectBody(door, call, newTopicSchema);
    await createTopic(broker, {
      name: topic_name,
      partitions: partitions_count ?? undefined,
      replicationFactor: replication_factor ?? undefined,
    });
    return call.answer('{}', 201);
  });
}

/** The dialect knows no pages. */
async function allNames(door: Door, prefixes: string[] | undefined): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < requestLimits.wholeListPagesMax; pages++) {
    const page = await listTopics(door.options.broker, { limit: requestLimits.listPageMax, cursor, prefixes });
    names.push(...page.topics.map(({ name }) => name));
    cursor = page.next;
    if (cursor === undefined) return names;
  }
  const max = requestLimits.wholeListPagesMax * requestLimits.listPageMax;
  throw new MillraceError('POLICY_VIOLATION', `There are more than ${max} topics; /v1/topics lists them by pages.`);
}

function partitionAnswer({ partition, leader, replicas, isr }: PartitionDescription) {
  return {
    partition,
    leader,
    replicas: replicas.map((broker) => ({ broker, leader: broker === leader, in_sync: isr.includes(broker) })),
  };
}
