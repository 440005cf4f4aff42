/** Groups: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { JSON_TYPE } from '../media-type.ts';
import { groupParameter, text, topicPartitionsSchema } from './groups-poll-routes.ts';
import { defineRoute } from './route.ts';
import { nextSchema, pageParameters, wholeNumber } from './schemas.ts';

const tag = 'groups';
const params = z.object({ group: groupParameter });
const none = z.object({});

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
  tag,
  access: 'any-key',
  params,
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

const stateSchema = z
  .enum(['Dead', 'Empty', 'Assigning', 'Reconciling', 'PreparingRebalance', 'CompletingRebalance', 'Stable'])
  .openapi({ description: 'As Kafka names them; Reconciling: partitions are on their way from one member to another' });
const groupFields = {
  group: z.string(),
  state: stateSchema,
  kind: z
    .enum(['consumer', 'classic', 'share'])
    .optional()
    .openapi({ description: 'Absent: the group has had no members' }),
  generation: z.int().openapi({ description: "The group's epoch, + 1 with every rebalance" }),
};

export const listGroupsRoute = defineRoute({
  method: 'get',
  path: '/v1/groups',
  operationId: 'listGroups',
  summary: 'List groups',
  description: 'Those that the key may use.',
  tag,
  access: 'any-key',
  params: none,
  query: z.object(pageParameters),
  answers: {
    200: {
      description: 'A page of groups, by id',
      content: {
        [JSON_TYPE]: z
          .object({
            groups: z.array(z.object({ ...groupFields, member_count: z.int() }).openapi('GroupSummary')),
            next: nextSchema,
          })
          .openapi('GroupPage'),
      },
    },
  },
  errors: [],
});

const memberSchema = z
  .object({
    member: z.string().nullable().openapi({ description: 'null: a static member that is away' }),
    instance_id: z.string().optional(),
    client: z.string().optional().openapi({ description: 'Who the client says it is' }),
    generation: z.int(),
    topics: z.array(z.string()).optional(),
    topic_pattern: z.string().optional(),
    assignor: z.string().optional(),
    assignment: z.array(topicPartitionsSchema),
    session_timeout_ms: z.int(),
    seen_at: z.int().openapi({ description: 'Milliseconds since the epoch; noted every third of the session' }),
  })
  .openapi('GroupMember');

const groupPartitionSchema = z
  .object({
    topic: z.string(),
    partition: z.int(),
    committed_offset: z.int().nullable(),
    log_start_offset: z.int(),
    high_watermark: z.int(),
    lag: z.int().openapi({ description: 'Records from the committed offset, or from the start, to the end' }),
    member: z.string().optional().openapi({ description: 'Its owner' }),
  })
  .openapi('GroupPartition');

export const describeGroupRoute = defineRoute({
  method: 'get',
  path: '/v1/groups/{group}',
  operationId: 'describeGroup',
  summary: 'Show a group: its members, what each owns, and how far it is behind',
  tag,
  access: 'any-key',
  params,
  query: none,
  answers: {
    200: {
      description: 'The group; partitions of topics that the key may read',
      content: {
        [JSON_TYPE]: z
          .object({
            ...groupFields,
            assignor: z.string().optional(),
            members: z.array(memberSchema),
            partitions: z.array(groupPartitionSchema),
          })
          .openapi('Group'),
      },
    },
  },
  errors: ['INVALID_GROUP_ID', 'GROUP_ID_NOT_FOUND'],
});

export const deleteGroupRoute = defineRoute({
  method: 'delete',
  path: '/v1/groups/{group}',
  operationId: 'deleteGroup',
  summary: 'Delete a group that has no members, and what it has committed',
  tag,
  access: 'any-key',
  params,
  query: none,
  answers: { 204: { description: 'There is no such group any more' } },
  errors: [
    'INVALID_GROUP_ID',
    'GROUP_ID_NOT_FOUND',
    'NON_EMPTY_GROUP',
    'INCONSISTENT_GROUP_PROTOCOL',
    'REQUEST_TIMED_OUT',
  ],
});

const moment = { error: 'must be an offset, "earliest" or "latest"' };
const shift = { error: 'must be a whole number' };

const resetSchema = z
  .strictObject(
    {
      topic: z.string({ error: 'must be a string' }),
      partition: wholeNumber().optional().openapi({ description: 'Absent: all of the topic' }),
      offset: z
        .union([wholeNumber(), z.enum(['earliest', 'latest'], moment)], moment)
        .optional()
        .openapi({ description: 'An offset within the partition, earliest or latest' }),
      timestamp: wholeNumber().optional().openapi({
        description: 'The first record of this time (ms since the epoch) or later, or else the end',
      }),
      shift_by: z.int(shift).optional().openapi({
        description: 'So far from what is committed, but not out of the partition; of partitions that have something',
      }),
      metadata: text(
        `At most ${transactionLimits.offsetMetadataBytesMax} bytes; with an offset that is a number`,
      ).optional(),
    },
    { error: 'must be an object' },
  )
  .openapi('OffsetReset');

export const resetOffsetsSchema = z
  .strictObject(
    {
      offsets: z
        .array(resetSchema, { error: 'must be an array' })
        .refine((list) => list.length <= transactionLimits.offsetsPerTransactionMax, {
          error: `must be at most ${transactionLimits.offsetsPerTransactionMax} resets`,
        })
        .openapi({
          maxItems: transactionLimits.offsetsPerTransactionMax,
          description: 'Each with one of offset, timestamp and shift_by',
        }),
      dry_run: z
        .boolean({ error: 'must be true or false' })
        .optional()
        .openapi({ description: 'Say what would be, and do nothing', default: false }),
    },
    { error: 'must be an object' },
  )
  .openapi('OffsetResets');

export const resetOffsetsRoute = defineRoute({
  method: 'put',
  path: '/v1/groups/{group}/offsets',
  operationId: 'resetOffsets',
  summary: 'Set what a group has committed, while it has no members',
  tag,
  access: 'any-key',
  params,
  query: none,
  body: { [JSON_TYPE]: resetOffsetsSchema },
  answers: {
    200: {
      description: 'What is committed now of these partitions',
      content: {
        [JSON_TYPE]: z
          .object({
            offsets: z.array(
              z
                .object({
                  topic: z.string(),
                  partition: z.int(),
                  offset: z.int(),
                  previous_offset: z.int().nullable().openapi({ description: 'null: none was committed' }),
                })
                .openapi('ResetOffset'),
            ),
          })
          .openapi('OffsetResetsAnswer'),
      },
    },
  },
  errors: [
    'INVALID_GROUP_ID',
    'INVALID_TOPIC',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'OFFSET_OUT_OF_RANGE',
    'OFFSET_METADATA_TOO_LARGE',
    'NON_EMPTY_GROUP',
    'INCONSISTENT_GROUP_PROTOCOL',
    'POLICY_VIOLATION',
    'REQUEST_TIMED_OUT',
  ],
});
