/** Consumer instances in the dialect: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { BODY_TYPES, RECORDS_TYPES } from './media-types.ts';
import { type DialectRoute, defineDialectRoute } from './route.ts';
import {
  consumerRecordListSchema,
  consumerSchema,
  createdConsumerSchema,
  offsetsSchema,
  partitionsSchema,
  subscribedTopicListSchema,
  topicsSchema,
} from './schemas.ts';

/** The scopes are those of the group and of its topics, which the handlers ask for. */
const access = 'any-key';
const types = BODY_TYPES;
const done = { 204: { description: 'It is done' } };

export const createConsumerRoute = defineDialectRoute({
  method: 'post',
  path: '/consumers/{groupid}',
  operationId: 'createConsumer',
  summary: 'Create a consumer instance',
  access,
  body: { types, schema: consumerSchema, optional: true },
  answers: { 200: { description: 'Its name, and where it is', schema: createdConsumerSchema } },
  errors: [409],
});

export const deleteConsumerRoute = defineDialectRoute({
  method: 'delete',
  path: '/consumers/{groupid}/instances/{name}',
  operationId: 'deleteConsumer',
  summary: 'Delete a consumer instance',
  access,
  answers: done,
  errors: [404],
});

export const subscribeRoute = defineDialectRoute({
  method: 'post',
  path: '/consumers/{groupid}/instances/{name}/subscription',
  operationId: 'subscribe',
  summary: 'Consume topics, or those that a pattern means, sharing them with the group',
  access,
  body: { types, schema: topicsSchema },
  answers: done,
  errors: [404, 409],
});

export const listSubscriptionsRoute = defineDialectRoute({
  method: 'get',
  path: '/consumers/{groupid}/instances/{name}/subscription',
  operationId: 'listSubscriptions',
  summary: 'What the instance consumes',
  access,
  answers: { 200: { description: 'Topics and partitions', schema: subscribedTopicListSchema } },
  errors: [404],
});

export const unsubscribeRoute = defineDialectRoute({
  method: 'delete',
  path: '/consumers/{groupid}/instances/{name}/subscription',
  operationId: 'unsubscribe',
  summary: 'Consume nothing',
  access,
  answers: done,
  errors: [404],
});

export const assignRoute = defineDialectRoute({
  method: 'post',
  path: '/consumers/{groupid}/instances/{name}/assignments',
  operationId: 'assign',
  summary: 'Consume these partitions, sharing them with nobody',
  access,
  body: { types, schema: partitionsSchema },
  answers: done,
  errors: [404, 409],
});

export const pollRoute = defineDialectRoute({
  method: 'get',
  path: '/consumers/{groupid}/instances/{name}/records',
  operationId: 'poll',
  summary: 'The next records',
  access,
  query: z.object({
    timeout: z.string().optional().openapi({ type: 'integer', description: 'How long to wait for records, ms' }),
    max_bytes: z.string().optional().openapi({ type: 'integer', description: 'Of keys and values' }),
  }),
  answers: { 200: { description: 'Records', types: RECORDS_TYPES, schema: consumerRecordListSchema } },
  errors: [404, 406, 409, 422],
});

export const commitRoute = defineDialectRoute({
  method: 'post',
  path: '/consumers/{groupid}/instances/{name}/offsets',
  operationId: 'commit',
  summary: 'Commit these offsets; without a body, what was delivered',
  access,
  body: { types, schema: offsetsSchema, optional: true },
  answers: done,
  errors: [404, 409],
});

export const seekRoute = defineDialectRoute({
  method: 'post',
  path: '/consumers/{groupid}/instances/{name}/positions',
  operationId: 'seek',
  summary: 'Go on at these offsets',
  access,
  body: { types, schema: offsetsSchema },
  answers: done,
  errors: [404],
});

export const seekToBeginningRoute = seekToRoute('beginning', 'seekToBeginning');
export const seekToEndRoute = seekToRoute('end', 'seekToEnd');

function seekToRoute(end: 'beginning' | 'end', operationId: string): DialectRoute {
  return defineDialectRoute({
    method: 'post',
    path: `/consumers/{groupid}/instances/{name}/positions/${end}`,
    operationId,
    summary: `Go on at the ${end} of these partitions`,
    access,
    body: { types, schema: partitionsSchema },
    answers: done,
    errors: [404],
  });
}
