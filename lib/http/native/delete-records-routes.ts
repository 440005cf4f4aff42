/** Deleting records: what the request and its answer look like. */
import { z } from '@hono/zod-openapi';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { JSON_TYPE } from '../media-type.ts';
import { defineRoute } from './route.ts';
import { problemSchema, topicParameter, wholeNumber } from './schemas.ts';

const notAnObject = { error: 'must be an object' };
const offset = 'must be a whole number from -1 to 2^53 − 1';
const partitions = { error: `must be an array of 1 to ${topicLimits.partitionsPerTopicMax} objects` };

const partitionSchema = z
  .strictObject(
    {
      partition: wholeNumber(),
      before_offset: z
        .int({ error: offset })
        .min(-1, { error: offset })
        .optional()
        .openapi({ description: 'The first record that stays; -1: the high watermark, so that none does' }),
      before_timestamp: wholeNumber().optional().openapi({
        description: 'The first record of this time (ms since the epoch) or later stays, and all after it',
      }),
    },
    notAnObject,
  )
  .openapi('PartitionDeletion');

export const deleteRecordsSchema = z
  .strictObject(
    {
      partitions: z
        .array(partitionSchema, partitions)
        .min(1, partitions)
        .max(topicLimits.partitionsPerTopicMax, partitions)
        .openapi({ description: 'Each once, with one of before_offset and before_timestamp' }),
    },
    notAnObject,
  )
  .openapi('RecordDeletion');

const outcomeSchema = z
  .union([
    z.object({
      partition: z.int(),
      log_start_offset: z.int().openapi({ description: 'Where the partition begins now' }),
    }),
    z.object({ partition: z.int(), error: problemSchema }),
  ])
  .openapi('PartitionDeletionOutcome');

export const deleteRecordsAnswerSchema = z
  .object({ partitions: z.array(outcomeSchema).openapi({ description: 'In the order of the request' }) })
  .openapi('RecordDeletionAnswer');

const content = { [JSON_TYPE]: deleteRecordsAnswerSchema };

export const deleteRecordsRoute = defineRoute({
  method: 'delete',
  path: '/v1/topics/{topic}/records',
  operationId: 'deleteRecords',
  summary: 'Delete the oldest records of partitions',
  description:
    'Each partition has its own outcome. When some failed the answer is 207 with an `error` in their places; when all failed for the same reason it is that error.',
  tag: 'records',
  access: 'admin',
  params: z.object({ topic: topicParameter }),
  query: z.object({}),
  body: { [JSON_TYPE]: deleteRecordsSchema },
  answers: {
    200: { description: 'The partitions begin where they were to begin, or beyond', content },
    207: { description: 'Some failed', content },
  },
  errors: [
    'INVALID_TOPIC',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'OFFSET_OUT_OF_RANGE',
    'POLICY_VIOLATION',
    'REQUEST_TIMED_OUT',
  ],
});
