/** API keys: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { SCOPES } from '../../coordination/tenants/principal.ts';
import { JSON_TYPE } from '../media-type.ts';
import { defineRoute } from './route.ts';
import { nextSchema, pageParameters } from './schemas.ts';

const tag = 'keys';
const none = z.object({});
const scope = z.enum(SCOPES, { error: `must be one of ${SCOPES.join(', ')}` });

export const createKeySchema = z
  .strictObject(
    {
      scopes: z
        .array(scope, { error: 'must be an array of scopes' })
        // Not `min`: zod compares the length of whatever is given, also of an object whose `length` is no number.
        .refine((scopes) => scopes.length > 0, { error: 'must have at least one scope' })
        .openapi({ minItems: 1, description: 'admin allows everything, the others their own part' }),
      topic_prefix: z
        .string({ error: 'must be a string' })
        .optional()
        .openapi({ description: 'The scopes hold for topics whose names begin so; for all where absent' }),
    },
    { error: 'must be an object' },
  )
  .openapi('CreateKey');

const keyFields = {
  id: z.string(),
  scopes: z.array(scope),
  topic_prefix: z.string().optional(),
  created_at: z.int().openapi({ description: 'Milliseconds since the epoch' }),
};

export const keySchema = z.object(keyFields).openapi('Key');

const newKeySchema = z
  .object({ ...keyFields, secret: z.string().openapi({ description: 'Shown this once' }) })
  .openapi('NewKey');

export const createKeyRoute = defineRoute({
  method: 'post',
  path: '/v1/keys',
  operationId: 'createKey',
  summary: 'Create an API key',
  tag,
  access: 'admin',
  params: none,
  query: none,
  body: { [JSON_TYPE]: createKeySchema },
  answers: { 201: { description: 'The key with its secret', content: { [JSON_TYPE]: newKeySchema } } },
  errors: [],
});

export const listKeysRoute = defineRoute({
  method: 'get',
  path: '/v1/keys',
  operationId: 'listKeys',
  summary: 'List API keys by id',
  tag,
  access: 'admin',
  params: none,
  query: z.object(pageParameters),
  answers: {
    200: {
      description: 'A page of keys, without secrets',
      content: { [JSON_TYPE]: z.object({ keys: z.array(keySchema), next: nextSchema }).openapi('KeyPage') },
    },
  },
  errors: [],
});

export const deleteKeyRoute = defineRoute({
  method: 'delete',
  path: '/v1/keys/{id}',
  operationId: 'deleteKey',
  summary: 'Delete an API key',
  tag,
  access: 'admin',
  params: z.object({ id: z.string() }),
  query: none,
  answers: { 204: { description: 'The key is gone' } },
  errors: ['NOT_FOUND'],
});
