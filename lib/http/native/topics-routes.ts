/** Topics: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { JSON_TYPE } from '../media-type.ts';
import { defineRoute } from './route.ts';
import { nextSchema, pageParameters, topicParameter } from './schemas.ts';

const tag = 'topics';
const none = z.object({});
const params = z.object({ topic: topicParameter });

const notConfigurable = { error: 'must be a string, a number or a boolean' };
const notAnObject = { error: 'must be an object' };
const integer = (what: string) => z.int({ error: what });

const configValue = z.union([z.string(), z.number(), z.boolean()], notConfigurable);
const configDescription =
  "Kafka's topic configs by name. Values are strings; numbers and booleans stand for their text. See docs/http-api.md";

export const createTopicSchema = z
  .strictObject(
    {
      name: z.string({ error: 'must be a string' }).openapi({
        pattern: '^[a-zA-Z0-9._-]{1,249}$',
        description: 'Not "." or "..", and no name that differs from another topic\'s only in "." and "_"',
        example: 'orders',
      }),
      partitions: integer('must be a whole number')
        .optional()
        .openapi({ default: 1, minimum: 1, maximum: topicLimits.partitionsPerTopicMax }),
      replication_factor: integer('must be a whole number')
        .optional()
        .openapi({ default: 1, minimum: 1, description: 'At most the number of replicas that are configured' }),
      config: z
        .record(z.string(), configValue, notAnObject)
        .optional()
        .openapi({ description: configDescription, example: { 'retention.ms': '604800000' } }),
    },
    notAnObject,
  )
  .openapi('CreateTopic');

export const alterTopicSchema = z
  .strictObject(
    {
      partitions: integer('must be a whole number')
        .optional()
        .openapi({ description: 'Not fewer than there are', maximum: topicLimits.partitionsPerTopicMax }),
      config: z
        .record(
          z.string(),
          z.union([configValue, z.null()], { error: 'must be a string, a number, a boolean or null' }),
          notAnObject,
        )
        .optional()
        .openapi({
          description: `Merged into the topic's configs; null sets one back to its default. ${configDescription}`,
        }),
    },
    notAnObject,
  )
  .openapi('AlterTopic');

const summaryFields = {
  name: z.string(),
  topic_id: z.string().openapi({ description: 'A UUID as 22 characters of base64url, as Kafka writes it' }),
  partitions: z.int(),
  replication_factor: z.int(),
};

export const topicSummarySchema = z.object(summaryFields).openapi('TopicSummary');

const partitionSchema = z
  .object({
    partition: z.int(),
    leader: z.int().openapi({ description: 'The number of the leader replica' }),
    leader_epoch: z.int(),
    replicas: z.array(z.int()).openapi({ description: 'The preferred leader first' }),
    isr: z.array(z.int()).openapi({ description: 'The replicas that are in sync' }),
    log_start_offset: z.int(),
    high_watermark: z.int().openapi({ description: 'The offset after the last record that can be read' }),
  })
  .openapi('Partition');

export const topicSchema = z
  .object({
    ...summaryFields,
    config: z.record(z.string(), z.string()).openapi({ description: 'The configs that were set, as text' }),
    partition_details: z.array(partitionSchema),
  })
  .openapi('Topic');

export const createTopicRoute = defineRoute({
  method: 'post',
  path: '/v1/topics',
  operationId: 'createTopic',
  summary: 'Create a topic',
  tag,
  access: 'admin',
  params: none,
  query: none,
  body: { [JSON_TYPE]: createTopicSchema },
  answers: { 201: { description: 'The topic', content: { [JSON_TYPE]: topicSchema } } },
  errors: [
    'INVALID_TOPIC',
    'INVALID_PARTITIONS',
    'INVALID_REPLICATION_FACTOR',
    'INVALID_CONFIG',
    'TOPIC_ALREADY_EXISTS',
  ],
});

export const listTopicsRoute = defineRoute({
  method: 'get',
  path: '/v1/topics',
  operationId: 'listTopics',
  summary: 'List topics by name',
  description: 'Of the topics, those that the key has any scope on; the others are not told of by cursors either',
  tag,
  access: 'any-key',
  params: none,
  query: z.object(pageParameters),
  answers: {
    200: {
      description: 'A page of topics',
      content: {
        [JSON_TYPE]: z.object({ topics: z.array(topicSummarySchema), next: nextSchema }).openapi('TopicPage'),
      },
    },
  },
  errors: [],
});

export const describeTopicRoute = defineRoute({
  method: 'get',
  path: '/v1/topics/{topic}',
  operationId: 'describeTopic',
  summary: 'Describe a topic',
  tag,
  access: 'any-scope',
  params,
  query: none,
  answers: { 200: { description: 'The topic', content: { [JSON_TYPE]: topicSchema } } },
  errors: ['INVALID_TOPIC', 'UNKNOWN_TOPIC_OR_PARTITION'],
});

export const alterTopicRoute = defineRoute({
  method: 'patch',
  path: '/v1/topics/{topic}',
  operationId: 'alterTopic',
  summary: 'Add partitions to a topic, or change its configs',
  tag,
  access: 'admin',
  params,
  query: none,
  body: { [JSON_TYPE]: alterTopicSchema },
  answers: { 200: { description: 'The topic as it is now', content: { [JSON_TYPE]: topicSchema } } },
  errors: [
    'INVALID_TOPIC',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'INVALID_PARTITIONS',
    'INVALID_REPLICATION_FACTOR',
    'INVALID_CONFIG',
  ],
});

export const deleteTopicRoute = defineRoute({
  method: 'delete',
  path: '/v1/topics/{topic}',
  operationId: 'deleteTopic',
  summary: 'Delete a topic with its records',
  tag,
  access: 'admin',
  params,
  query: none,
  answers: { 204: { description: 'The topic is gone' } },
  errors: ['INVALID_TOPIC', 'UNKNOWN_TOPIC_OR_PARTITION'],
});
