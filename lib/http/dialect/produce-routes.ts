/** Produce in the dialect: what its requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { PRODUCE_TYPES } from './media-types.ts';
import { defineDialectRoute } from './route.ts';
import {
  offsetRecordSentListSchema,
  producerRecordListSchema,
  producerRecordToPartitionListSchema,
} from './schemas.ts';

const query = z.object({
  async: z
    .string()
    .optional()
    .openapi({ type: 'boolean', default: false, description: 'Answer before the records are stored, without offsets' }),
});
const answers = {
  200: { description: 'What became of each record, in their order', schema: offsetRecordSentListSchema },
};

export const sendRoute = defineDialectRoute({
  method: 'post',
  path: '/topics/{topicname}',
  operationId: 'send',
  summary: 'Write records, each to the partition that it names or that its key stands for',
  access: 'produce',
  query,
  body: { types: PRODUCE_TYPES, schema: producerRecordListSchema },
  answers,
  errors: [404],
});

export const sendToPartitionRoute = defineDialectRoute({
  method: 'post',
  path: '/topics/{topicname}/partitions/{partitionid}',
  operationId: 'sendToPartition',
  summary: 'Write records to a partition',
  access: 'produce',
  query,
  body: { types: PRODUCE_TYPES, schema: producerRecordToPartitionListSchema },
  answers,
  errors: [404],
});
