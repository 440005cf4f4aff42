/** Topics and their partitions in the dialect: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { BODY_TYPES } from './media-types.ts';
import { defineDialectRoute } from './route.ts';
import { newTopicSchema, offsetsSummarySchema, partitionMetadataSchema, topicMetadataSchema } from './schemas.ts';

export const listTopicsRoute = defineDialectRoute({
  method: 'get',
  path: '/topics',
  operationId: 'listTopics',
  summary: 'The names of all topics',
  access: 'any-key',
  answers: { 200: { description: 'Names, in their order', schema: z.array(z.string()) } },
  errors: [422],
});

export const getTopicRoute = defineDialectRoute({
  method: 'get',
  path: '/topics/{topicname}',
  operationId: 'getTopic',
  summary: 'A topic with its configs and partitions',
  access: 'any-scope',
  answers: { 200: { description: 'The topic', schema: topicMetadataSchema } },
  errors: [404],
});

export const listPartitionsRoute = defineDialectRoute({
  method: 'get',
  path: '/topics/{topicname}/partitions',
  operationId: 'listPartitions',
  summary: 'The partitions of a topic',
  access: 'any-scope',
  answers: { 200: { description: 'By number', schema: z.array(partitionMetadataSchema) } },
  errors: [404],
});

export const getPartitionRoute = defineDialectRoute({
  method: 'get',
  path: '/topics/{topicname}/partitions/{partitionid}',
  operationId: 'getPartition',
  summary: 'A partition',
  access: 'any-scope',
  answers: { 200: { description: 'The partition', schema: partitionMetadataSchema } },
  errors: [404],
});

export const getOffsetsRoute = defineDialectRoute({
  method: 'get',
  path: '/topics/{topicname}/partitions/{partitionid}/offsets',
  operationId: 'getOffsets',
  summary: 'Where a partition begins and ends',
  access: 'consume',
  answers: { 200: { description: 'Both offsets', schema: offsetsSummarySchema } },
  errors: [404],
});

export const createTopicRoute = defineDialectRoute({
  method: 'post',
  path: '/admin/topics',
  operationId: 'createTopic',
  summary: 'Create a topic',
  access: 'admin',
  body: { types: BODY_TYPES, schema: newTopicSchema },
  answers: { 201: { description: 'The topic is there', schema: z.object({}) } },
  errors: [409],
});
