/** Erasures: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { erasureLimits } from '../../kernel/limits/erasures.ts';
import { JSON_TYPE } from '../media-type.ts';
import { defineRoute } from './route.ts';
import { nextSchema, pageParameters } from './schemas.ts';

const tag = 'erasures';
const none = z.object({});
const params = z.object({ id: z.string().openapi({ description: "The erasure's id" }) });
const notAnObject = { error: 'must be an object' };
const text = z.string({ error: 'must be a string' });
const names = { error: 'must be an array of topic names, at least one' };

const headerSchema = z
  .strictObject(
    {
      key: text.openapi({ description: "The header's name" }),
      value: text.optional().openapi({ description: 'As UTF-8' }),
      value_base64: text.optional(),
    },
    notAnObject,
  )
  .openapi('ErasureHeader', { description: 'With one of value and value_base64' });

export const createErasureSchema = z
  .strictObject(
    {
      topics: z
        .array(text, names)
        .max(erasureLimits.erasureLedgersMax, { error: `must be at most ${erasureLimits.erasureLedgersMax} names` })
        .refine((topics) => topics.length > 0, names)
        .optional(),
      topic_pattern: text.optional().openapi({ description: 'RE2; it must match the whole name' }),
      key: text.optional().openapi({ description: 'Records with this key, as UTF-8' }),
      key_base64: text.optional(),
      header: headerSchema.optional(),
    },
    notAnObject,
  )
  .openapi('CreateErasure', {
    description: 'With one of topics and topic_pattern, and one of key, key_base64 and header',
  });

const time = (description: string) => z.int().optional().openapi({ description });

const erasureFields = {
  id: z.string(),
  state: z.enum(['running', 'waiting', 'done']).openapi({
    description:
      'running: merging and rewriting. waiting: readers are not given the records any more; what is left of them is deleted when nobody can be reading it. done: it is gone',
  }),
  topics: z.array(z.string()).optional(),
  topic_pattern: z.string().optional(),
  match: z
    .union([z.object({ kind: z.literal('key') }), z.object({ kind: z.literal('header'), header: z.string() })])
    .openapi({ description: 'By what; never whom' }),
  created_at: z.int().openapi({ description: 'Milliseconds since the epoch, as all times here' }),
  complete_after: time('While it waits: not before this'),
  completed_at: time('When it was done'),
  objects_deleted: z.int(),
};

export const erasureSchema = z.object(erasureFields).openapi('Erasure');

export const describedErasureSchema = z
  .object({
    ...erasureFields,
    records_removed: z.int(),
    segments_rewritten: z.int(),
    problems: z.array(z.string()).openapi({ description: 'What keeps it from its end, as sentences' }),
    partitions: z.array(
      z.object({
        topic: z.string(),
        partition: z.int(),
        end_offset: z.int().openapi({ description: 'Records below were looked for; later ones are not its concern' }),
        erased_offset: z.int().openapi({ description: 'It has come this far' }),
        records_removed: z.int(),
        segments_rewritten: z.int(),
      }),
    ),
  })
  .openapi('DescribedErasure');

const described = { [JSON_TYPE]: describedErasureSchema };

export const createErasureRoute = defineRoute({
  method: 'post',
  path: '/v1/erasures',
  operationId: 'createErasure',
  summary: "Erase a subject's records",
  description: 'Of all records that are there by the answer. It is carried out later: see docs/erasure.md.',
  tag,
  access: 'admin',
  params: none,
  query: none,
  body: { [JSON_TYPE]: createErasureSchema },
  answers: { 202: { description: 'The erasure, which is kept and will be carried out', content: described } },
  errors: [
    'INVALID_TOPIC',
    'INVALID_REGULAR_EXPRESSION',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'POLICY_VIOLATION',
    'REQUEST_TIMED_OUT',
  ],
});

export const listErasuresRoute = defineRoute({
  method: 'get',
  path: '/v1/erasures',
  operationId: 'listErasures',
  summary: 'List erasures, the oldest first',
  tag,
  access: 'admin',
  params: none,
  query: z.object(pageParameters),
  answers: {
    200: {
      description: 'A page of erasures',
      content: { [JSON_TYPE]: z.object({ erasures: z.array(erasureSchema), next: nextSchema }).openapi('ErasurePage') },
    },
  },
  errors: [],
});

export const describeErasureRoute = defineRoute({
  method: 'get',
  path: '/v1/erasures/{id}',
  operationId: 'describeErasure',
  summary: 'Show an erasure: how far it is, and what it has rewritten',
  tag,
  access: 'admin',
  params,
  query: none,
  answers: { 200: { description: 'The erasure', content: described } },
  errors: ['NOT_FOUND'],
});

export const deleteErasureRoute = defineRoute({
  method: 'delete',
  path: '/v1/erasures/{id}',
  operationId: 'deleteErasure',
  summary: 'Forget an erasure; one that is not done is given up',
  tag,
  access: 'admin',
  params,
  query: none,
  answers: { 204: { description: 'Nothing is known of it any more' } },
  errors: ['NOT_FOUND', 'REQUEST_TIMED_OUT'],
});
