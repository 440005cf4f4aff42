/** Topics over HTTP. */
import type { z } from '@hono/zod-openapi';
import { alterTopic } from '../../broker/topics/alter-topic.ts';
import { createTopic } from '../../broker/topics/create-topic.ts';
import { deleteTopic } from '../../broker/topics/delete-topic.ts';
import { describeTopic, type TopicDescription } from '../../broker/topics/describe-topic.ts';
import { listTopics } from '../../broker/topics/list-topics.ts';
import type { TopicSummary } from '../../log/topic/topic-item.ts';
import { emptyAnswer, jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { jsonBody, mount, visiblePrefixes } from './mount.ts';
import {
  alterTopicRoute,
  alterTopicSchema,
  createTopicRoute,
  createTopicSchema,
  deleteTopicRoute,
  describeTopicRoute,
  listTopicsRoute,
  type topicSchema,
  type topicSummarySchema,
} from './topics-routes.ts';

export function mountTopics(door: Door): void {
  const { broker } = door.options;

  mount(door, createTopicRoute, async ({ context }) => {
    const { name, partitions, replication_factor, config } = await jsonBody(door, context, createTopicSchema);
    const topic = await createTopic(broker, { name, partitions, replicationFactor: replication_factor, config });
    return jsonAnswer(JSON.stringify(topicAnswer(topic)), 201);
  });

  mount(door, listTopicsRoute, async ({ query, principal }) => {
    const { topics, next } = await listTopics(broker, { ...query, prefixes: visiblePrefixes(principal) });
    return jsonAnswer(JSON.stringify({ topics: topics.map(summaryAnswer), next }));
  });

  mount(door, describeTopicRoute, async ({ params }) =>
    jsonAnswer(JSON.stringify(topicAnswer(await describeTopic(broker, params.topic)))),
  );

  mount(door, alterTopicRoute, async ({ context, params }) => {
    const changes = await jsonBody(door, context, alterTopicSchema);
    return jsonAnswer(JSON.stringify(topicAnswer(await alterTopic(broker, params.topic, changes))));
  });

  mount(door, deleteTopicRoute, async ({ params }) => {
    await deleteTopic(broker, params.topic);
    return emptyAnswer(204);
  });
}

function summaryAnswer(topic: TopicSummary): z.input<typeof topicSummarySchema> {
  return {
    name: topic.name,
    topic_id: topic.topicId,
    partitions: topic.partitions,
    replication_factor: topic.replicationFactor,
  };
}

function topicAnswer(topic: TopicDescription): z.input<typeof topicSchema> {
  return {
    ...summaryAnswer(topic),
    config: topic.config,
    partition_details: topic.partitionDetails.map((partition) => ({
      partition: partition.partition,
      leader: partition.leader,
      leader_epoch: partition.leaderEpoch,
      replicas: partition.replicas,
      isr: partition.isr,
      log_start_offset: partition.logStartOffset,
      high_watermark: partition.highWatermark,
    })),
  };
}
