/** Groups: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { JSON_TYPE } from '../media-type.ts';
import { defineRoute } from './route.ts';
import { nextSchema, pageParameters } from './schemas.ts';

const committedOffsetSchema = z
  .object({
    topic: z.string(),
    partition: z.int(),
    offset: z.int().openapi({ description: 'The next one to read' }),
    leader_epoch: z.int().optional(),
    metadata: z.string().optional(),
    committed_at: z.int().openapi({ description: 'Milliseconds since the epoch' }),
  })
  .openapi('CommittedOffset');

export const listCommittedOffsetsRoute = defineRoute({
  method: 'get',
  path: '/v1/groups/{group}/offsets',
  operationId: 'listCommittedOffsets',
  summary: 'List what a group has committed',
  description:
    'Of the topics that the key may read. `limit` counts stretches of 16 partitions of a topic, so that a page has up to 16 offsets for each.',
  tag: 'groups',
  access: 'any-key',
  params: z.object({ group: z.string().openapi({ description: 'The group id', example: 'billing' }) }),
  query: z.object(pageParameters),
  answers: {
    200: {
      description: 'A page of offsets; none of a group that nobody has used',
      content: {
        [JSON_TYPE]: z
          .object({ offsets: z.array(committedOffsetSchema), next: nextSchema })
          .openapi('CommittedOffsetPage'),
      },
    },
  },
  errors: ['INVALID_GROUP_ID'],
});
