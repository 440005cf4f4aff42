/** Poll, leave and commit: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { JOIN_ID } from '../../coordination/groups/seat.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { JSON_TYPE } from '../media-type.ts';
import { encodings, recordSchema } from './fetch-routes.ts';
import { rackHeaderSchema } from './rack-header.ts';
import { defineRoute } from './route.ts';
import { groupOffsetSchema, wholeNumber } from './schemas.ts';

const tag = 'groups';
const none = z.object({});
const notAnObject = { error: 'must be an object' };

export const groupParameter = z.string().openapi({ description: 'The group id', example: 'billing' });
const params = z.object({ group: groupParameter });

export function text(description: string) {
  return z.string({ error: 'must be a string' }).openapi({ description });
}

const offsets = z
  .array(groupOffsetSchema, { error: 'must be an array' })
  // Not `max`: zod compares the length of whatever is given, also of an object whose `length` is no number.
  .refine((list) => list.length <= transactionLimits.offsetsPerTransactionMax, {
    error: `must be at most ${transactionLimits.offsetsPerTransactionMax} offsets`,
  })
  .openapi({ maxItems: transactionLimits.offsetsPerTransactionMax });

const member = z
  .string({ error: 'must be a string' })
  .regex(/^./s, { error: 'must be a string of at least one character' })
  .openapi({ description: 'The member, as an answer to a poll named it' });
const instanceId = text(
  'A static member: whoever comes with the same id takes its place and finds its partitions; the one before is fenced',
);
const topicNames = z
  .array(z.string({ error: 'must be a string' }), { error: 'must be an array of strings' })
  .refine((list) => list.length <= groupLimits.groupSubscriptionTopicsMax, {
    error: `must be at most ${groupLimits.groupSubscriptionTopicsMax} topics`,
  })
  .openapi({ description: 'Topics by name; those that do not exist yet are waited for' });

const pausedPartitions = bounded(
  z.strictObject(
    { topic: z.string({ error: 'must be a string' }), partitions: bounded(wholeNumber(), 'partitions') },
    notAnObject,
  ),
  'topics',
).openapi({ description: 'Partitions that this poll brings no records of; their positions stay' });

const seekPositions = bounded(
  z.strictObject(
    { topic: z.string({ error: 'must be a string' }), partition: wholeNumber(), offset: wholeNumber() },
    notAnObject,
  ),
  'positions',
).openapi({ description: 'Where to go on in these partitions, in place of what the cursor says' });

/** Not more than a group has partitions. Not `max`: see `offsets`. */
function bounded<Item extends z.ZodType>(item: Item, what: string) {
  return z.array(item, { error: 'must be an array' }).refine((list) => list.length <= groupLimits.groupPartitionsMax, {
    error: `must be at most ${groupLimits.groupPartitionsMax} ${what}`,
  });
}

export const pollSchema = z
  .strictObject(
    {
      member: member.optional(),
      join_id: z
        .string({ error: 'must be a string' })
        .regex(JOIN_ID, { error: 'must be 22 characters of base64url, as 16 random bytes have' })
        .optional()
        .openapi({
          description:
            'Of a poll that joins: 16 random bytes as base64url. Where no answer comes, the same poll again finds the member that the first one made, in place of making another. Without meaning beside `member`',
        }),
      cursor: text('That of the last answer that arrived').optional(),
      topics: topicNames.optional(),
      topic_pattern: text('In the syntax of RE2; must match the whole name').optional(),
      max_records: wholeNumber()
        .optional()
        .openapi({
          description: `At most this many records; 0: a heartbeat, which is answered at once. Larger values are lowered to ${requestLimits.fetchRecordsMax}`,
          default: requestLimits.fetchRecordsDefault,
        }),
      max_bytes: wholeNumber()
        .optional()
        .openapi({
          description: `At most about this many bytes of records in the answer, but one in any case. Larger values are lowered to ${requestLimits.fetchBytesMax}`,
          default: requestLimits.fetchBytesDefault,
        }),
      wait_ms: wholeNumber()
        .optional()
        .openapi({
          description: `How long to wait for records where there are none. Larger values are lowered to ${requestLimits.fetchWaitMsMax}`,
          default: 0,
        }),
      auto_offset_reset: z
        .enum(['latest', 'earliest', 'none'], { error: 'must be latest, earliest or none' })
        .optional()
        .openapi({
          description: 'Where to begin where no offset is committed, or none that is in the partition; none: an error',
          default: 'latest',
        }),
      commit: z
        .union([z.enum(['delivered', 'none']), offsets], {
          error: 'must be "delivered", "none" or an array of offsets',
        })
        .optional()
        .openapi({
          description: 'delivered: what answers delivered up to that of the cursor; none: nothing; or these offsets',
          default: 'delivered',
        }),
      session_timeout_ms: wholeNumber()
        .optional()
        .openapi({
          description: `How long the member may be silent, ${groupLimits.groupSessionTimeoutMsMin} to ${groupLimits.groupSessionTimeoutMsMax}; of a member as before where absent`,
          default: groupLimits.groupSessionTimeoutMsDefault,
        }),
      rebalance_timeout_ms: wholeNumber().optional().openapi({
        description: 'How long the member may take to give up what it is told to; of a member as before where absent',
        default: groupLimits.groupRebalanceTimeoutMsDefault,
      }),
      instance_id: instanceId.optional(),
      assignor: text('range, uniform or sticky; most members of a group decide').optional(),
      encoding: z
        .enum(encodings, { error: 'must be utf8, base64 or json' })
        .optional()
        .openapi({ description: 'How keys and values are written, as for fetch', default: 'utf8' }),
      paused: pausedPartitions.optional(),
      seek: seekPositions.optional(),
    },
    notAnObject,
  )
  .openapi('Poll');

export const topicPartitionsSchema = z
  .object({ topic: z.string(), partitions: z.array(z.int()) })
  .openapi('TopicPartitions');

const polledRecordSchema = z
  .object({ topic: z.string(), partition: z.int(), ...recordSchema.shape })
  .openapi('PolledRecord');

const pollAnswerSchema = z
  .object({
    member: z.string().openapi({ description: 'To be sent with the next poll' }),
    generation: z.int().openapi({ description: "The member's epoch, by which its commits are fenced" }),
    cursor: z.string().openapi({ description: 'To be sent with the next poll, once the records have arrived' }),
    assignment: z.array(topicPartitionsSchema).openapi({ description: 'What the member owns after this call' }),
    records: z.array(polledRecordSchema).openapi({ description: "A partition's in order" }),
    revoked: z.array(topicPartitionsSchema).openapi({
      description:
        'What the member is to give up. The next poll with the cursor of this answer says that it has; commits of it are taken until then',
    }),
  })
  .openapi('PollAnswer');

const MEMBER_ERRORS = ['INVALID_GROUP_ID', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'REQUEST_TIMED_OUT'] as const;
const COMMIT_ERRORS = [
  'FENCED_MEMBER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_TOPIC',
  'OFFSET_METADATA_TOO_LARGE',
] as const;

export const pollRoute = defineRoute({
  method: 'post',
  path: '/v1/groups/{group}/poll',
  operationId: 'poll',
  summary: 'Consume as a member of a group',
  description:
    'The whole loop of a consumer: joins or shows that the member lives, commits what the last answer delivered, waits, and returns the next records. Send back member and cursor of the last answer that arrived; what an answer that got lost held comes again.',
  tag,
  access: 'any-key',
  params,
  query: none,
  headers: rackHeaderSchema,
  body: { [JSON_TYPE]: pollSchema },
  answers: {
    200: { description: 'Records of partitions that the member owns', content: { [JSON_TYPE]: pollAnswerSchema } },
  },
  errors: [
    ...MEMBER_ERRORS,
    ...COMMIT_ERRORS,
    'INVALID_SESSION_TIMEOUT',
    'UNSUPPORTED_ASSIGNOR',
    'INVALID_REGULAR_EXPRESSION',
    'INCONSISTENT_GROUP_PROTOCOL',
    'GROUP_MAX_SIZE_REACHED',
    'POLICY_VIOLATION',
    'OFFSET_OUT_OF_RANGE',
  ],
});

export const leaveSchema = z
  .strictObject(
    {
      member,
      cursor: text('Of the last answer that arrived: what was delivered up to it is committed').optional(),
      instance_id: instanceId.optional(),
      keep_seat: z.boolean({ error: 'must be true or false' }).optional().openapi({
        description: 'Of a static member that means to come back: its partitions wait for it until its session is over',
        default: false,
      }),
    },
    notAnObject,
  )
  .openapi('LeaveGroup');

export const leaveGroupRoute = defineRoute({
  method: 'post',
  path: '/v1/groups/{group}/leave',
  operationId: 'leaveGroup',
  summary: 'Leave a group',
  tag,
  access: 'any-key',
  params,
  query: none,
  body: { [JSON_TYPE]: leaveSchema },
  answers: { 204: { description: 'The member is gone, and its partitions are free' } },
  errors: [...MEMBER_ERRORS],
});

export const commitSchema = z
  .strictObject(
    {
      member: member.optional(),
      generation: wholeNumber().optional().openapi({ description: 'That of an answer to the member' }),
      instance_id: instanceId.optional(),
      offsets,
    },
    notAnObject,
  )
  .openapi('CommitOffsets');

export const commitOffsetsRoute = defineRoute({
  method: 'post',
  path: '/v1/groups/{group}/commit',
  operationId: 'commitOffsets',
  summary: 'Commit offsets of a group',
  description:
    'Of partitions that the member owns, under its generation; or without a member, of a group that has none. All of the offsets or none.',
  tag,
  access: 'any-key',
  params,
  query: none,
  body: { [JSON_TYPE]: commitSchema },
  answers: { 204: { description: 'Committed' } },
  errors: [...MEMBER_ERRORS, ...COMMIT_ERRORS, 'ILLEGAL_GENERATION', 'POLICY_VIOLATION'],
});
