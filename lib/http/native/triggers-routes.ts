/** Triggers: the routes. */
import { z } from '@hono/zod-openapi';
import { JSON_TYPE } from '../media-type.ts';
import { defineRoute } from './route.ts';
import { nextSchema, pageParameters } from './schemas.ts';
import {
  alterTriggerSchema,
  createTriggerSchema,
  describedTriggerSchema,
  replayedSchema,
  replaySchema,
  triggerSchema,
} from './triggers-schemas.ts';

const tag = 'triggers';
const none = z.object({});
const params = z.object({ name: z.string().openapi({ description: "The trigger's name", example: 'order-mails' }) });

export const createTriggerRoute = defineRoute({
  method: 'post',
  path: '/v1/triggers',
  operationId: 'createTrigger',
  summary: 'Deliver the records of topics to a function',
  description:
    'What is produced after the answer is delivered. The function, and the destination of what fails, must be among what the deployment granted: else FORBIDDEN names the missing grant.',
  tag,
  access: 'admin',
  params: none,
  query: none,
  body: { [JSON_TYPE]: createTriggerSchema },
  answers: { 201: { description: 'The trigger', content: { [JSON_TYPE]: triggerSchema } } },
  errors: [
    'INVALID_GROUP_ID',
    'INVALID_TOPIC',
    'INVALID_REGULAR_EXPRESSION',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'TRIGGER_ALREADY_EXISTS',
    'NON_EMPTY_GROUP',
    'INCONSISTENT_GROUP_PROTOCOL',
    'POLICY_VIOLATION',
    'REQUEST_TIMED_OUT',
  ],
});

export const listTriggersRoute = defineRoute({
  method: 'get',
  path: '/v1/triggers',
  operationId: 'listTriggers',
  summary: 'List triggers by name',
  tag,
  access: 'admin',
  params: none,
  query: z.object(pageParameters),
  answers: {
    200: {
      description: 'A page of triggers',
      content: { [JSON_TYPE]: z.object({ triggers: z.array(triggerSchema), next: nextSchema }).openapi('TriggerPage') },
    },
  },
  errors: [],
});

export const describeTriggerRoute = defineRoute({
  method: 'get',
  path: '/v1/triggers/{name}',
  operationId: 'describeTrigger',
  summary: 'Show a trigger: how far it is behind, who delivers, and what went wrong',
  tag,
  access: 'admin',
  params,
  query: none,
  answers: { 200: { description: 'The trigger', content: { [JSON_TYPE]: describedTriggerSchema } } },
  errors: ['NOT_FOUND'],
});

export const alterTriggerRoute = defineRoute({
  method: 'patch',
  path: '/v1/triggers/{name}',
  operationId: 'alterTrigger',
  summary: 'Change a trigger, pause it, or let it go on',
  description: 'What is absent stays. An invocation that runs ends as it began.',
  tag,
  access: 'admin',
  params,
  query: none,
  body: { [JSON_TYPE]: alterTriggerSchema },
  answers: { 200: { description: 'The trigger', content: { [JSON_TYPE]: triggerSchema } } },
  errors: ['NOT_FOUND', 'INVALID_TOPIC', 'UNKNOWN_TOPIC_OR_PARTITION', 'REQUEST_TIMED_OUT'],
});

export const deleteTriggerRoute = defineRoute({
  method: 'delete',
  path: '/v1/triggers/{name}',
  operationId: 'deleteTrigger',
  summary: 'Delete a trigger; its group keeps what it has committed',
  tag,
  access: 'admin',
  params,
  query: none,
  answers: { 204: { description: 'The trigger is gone' } },
  errors: ['NOT_FOUND', 'REQUEST_TIMED_OUT'],
});

export const replayTriggerRoute = defineRoute({
  method: 'post',
  path: '/v1/triggers/{name}/replay',
  operationId: 'replayTrigger',
  summary: 'Set a trigger back or forth',
  description:
    'With one of from and timestamp. Also while it delivers: what is under way is then committed by nobody, and delivery goes on from there once its time is over.',
  tag,
  access: 'admin',
  params,
  query: none,
  body: { [JSON_TYPE]: replaySchema },
  answers: {
    200: { description: 'Where its partitions go on', content: { [JSON_TYPE]: replayedSchema } },
  },
  errors: ['NOT_FOUND', 'UNKNOWN_TOPIC_OR_PARTITION', 'OFFSET_OUT_OF_RANGE', 'REQUEST_TIMED_OUT'],
});
