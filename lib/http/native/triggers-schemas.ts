/**
 * Triggers: what is said of them, in requests and answers. Bounds are checked by
 * coordination/triggers/check-trigger.ts.
 */
import { z } from '@hono/zod-openapi';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { wholeNumber } from './schemas.ts';

const notAnObject = { error: 'must be an object' };
const text = z.string({ error: 'must be a string' });
const flag = z.boolean({ error: 'must be true or false' });
const integer = z.int({ error: 'must be a whole number' });

const failureSchema = z
  .union(
    [
      z.strictObject({ kind: z.enum(['sqs', 'sns', 's3']), arn: text }, notAnObject),
      z.strictObject({ kind: z.literal('topic'), topic: text }, notAnObject),
    ],
    { error: 'must be {"kind":"sqs"|"sns"|"s3","arn"} or {"kind":"topic","topic"}' },
  )
  .openapi('TriggerFailureTarget', { description: 'Where records go that were given up' });

const filterSchema = z
  .union([z.string(), z.record(z.string(), z.unknown())], {
    error: 'must be a pattern: an object, or its JSON as a string',
  })
  .openapi('TriggerFilter', {
    description: 'An event pattern over value, key, headers and topic; see docs/triggers.md',
  });

/** What can be changed later. */
const changeable = {
  target: text
    .openapi({
      description: "The function's ARN, with a version or an alias or without; of a local server <module>.<export>",
    })
    .optional(),
  batch_size: integer.optional().openapi({
    minimum: 1,
    maximum: triggerLimits.triggerBatchSizeMax,
    default: triggerLimits.triggerBatchSizeDefault,
  }),
  batching_window_ms: integer.optional().openapi({
    minimum: 0,
    maximum: triggerLimits.triggerBatchingWindowMsMax,
    default: 0,
    description: 'How long a batch may fill',
  }),
  filters: z
    .array(filterSchema, { error: 'must be an array' })
    .optional()
    .openapi({ maxItems: triggerLimits.triggerFiltersMax, description: 'One of them must match; none: every record' }),
  bisect_batch_on_error: flag.optional().openapi({ default: false }),
  retry_attempts: integer.optional().openapi({
    minimum: -1,
    maximum: triggerLimits.triggerRetryAttemptsMax,
    default: -1,
    description: '-1: until it succeeds',
  }),
  max_record_age_ms: integer.optional().openapi({
    minimum: -1,
    maximum: triggerLimits.triggerRecordAgeMsMax,
    default: -1,
    description: `-1: any age; else at least ${triggerLimits.triggerRecordAgeMsMin}`,
  }),
  report_batch_item_failures: flag.optional().openapi({ default: false }),
  parallelization_factor: integer.optional().openapi({
    minimum: 1,
    maximum: triggerLimits.triggerParallelizationMax,
    default: 1,
    description: 'With order kept per key',
  }),
  tumbling_window_ms: integer.optional().openapi({
    minimum: 0,
    maximum: triggerLimits.triggerTumblingWindowMsMax,
    default: 0,
    description: '0: none. Only without parallelization',
  }),
  event_shape: z
    .enum(['msk', 'self-managed'], { error: 'must be "msk" or "self-managed"' })
    .optional()
    .openapi({ default: 'msk' }),
  timeout_ms: integer.optional().openapi({
    minimum: 1,
    maximum: triggerLimits.triggerTimeoutMsMax,
    default: triggerLimits.triggerTimeoutMsDefault,
    description: 'What the function may take: at least its own timeout',
  }),
  enabled: flag
    .optional()
    .openapi({ default: true, description: 'false: nothing is delivered, and the place is held' }),
};

export const createTriggerSchema = z
  .strictObject(
    {
      name: text.openapi({
        pattern: `^[A-Za-z0-9._-]{1,${triggerLimits.triggerNameLengthMax}}$`,
        example: 'order-mails',
      }),
      topics: z.array(text, { error: 'must be an array of names' }).optional().openapi({ minItems: 1 }),
      topic_pattern: text.optional().openapi({
        description: 'Instead of topics: all that it matches, later ones too. RE2; the whole name must match',
      }),
      group: text.optional().openapi({ description: 'The consumer group that it drives; its name where absent' }),
      starting_position: z
        .enum(['LATEST', 'TRIM_HORIZON', 'AT_TIMESTAMP'], { error: 'must be LATEST, TRIM_HORIZON or AT_TIMESTAMP' })
        .openapi({ description: 'Where partitions begin of which the group has committed nothing' }),
      starting_timestamp: wholeNumber().optional().openapi({ description: 'Of AT_TIMESTAMP; ms since the epoch' }),
      ...changeable,
      target: changeable.target.unwrap(),
      on_failure: failureSchema.optional(),
      tenant_id: text.optional().openapi({ description: '`TenantId` of each invocation' }),
    },
    notAnObject,
  )
  .openapi('CreateTrigger');

export const alterTriggerSchema = z
  .strictObject(
    {
      ...changeable,
      on_failure: failureSchema.nullable().optional().openapi({ description: 'null: nowhere' }),
      tenant_id: text.nullable().optional().openapi({ description: 'null: none' }),
    },
    notAnObject,
  )
  .openapi('AlterTrigger');

export const replaySchema = z
  .strictObject(
    {
      from: z
        .union([wholeNumber(), z.enum(['earliest', 'latest'])], { error: 'must be an offset, "earliest" or "latest"' })
        .optional()
        .openapi({ description: 'earliest, latest, or an offset of one partition' }),
      timestamp: wholeNumber()
        .optional()
        .openapi({ description: 'Instead of from: the first record of this time (ms since the epoch) or later' }),
      topic: text.optional().openapi({ description: "Absent: all of the trigger's" }),
      partition: wholeNumber().optional().openapi({ description: 'Absent: all of the topic' }),
      dry_run: flag.optional().openapi({ default: false, description: 'Say what would be, and do nothing' }),
    },
    notAnObject,
  )
  .openapi('Replay');

export const replayedSchema = z
  .object({
    offsets: z.array(
      z
        .object({
          topic: z.string(),
          partition: z.int(),
          offset: z.int(),
          previous_offset: z.int().nullable().openapi({ description: 'null: none was committed' }),
        })
        .openapi('ReplayedPartition'),
    ),
  })
  .openapi('Replayed');

const triggerFields = {
  name: z.string(),
  state: z
    .enum(['Creating', 'Enabled', 'Disabled', 'Deleting'])
    .openapi({ description: 'Records are delivered in the state Enabled only' }),
  created_at: z.int().openapi({ description: 'Milliseconds since the epoch' }),
  topics: z.array(z.string()).optional(),
  topic_pattern: z.string().optional(),
  group: z.string(),
  target: z.string(),
  starting_position: z.enum(['LATEST', 'TRIM_HORIZON', 'AT_TIMESTAMP']),
  starting_timestamp: z.int().optional(),
  batch_size: z.int(),
  batching_window_ms: z.int(),
  filters: z.array(z.string()),
  on_failure: failureSchema.optional(),
  bisect_batch_on_error: z.boolean(),
  retry_attempts: z.int(),
  max_record_age_ms: z.int(),
  report_batch_item_failures: z.boolean(),
  parallelization_factor: z.int(),
  tumbling_window_ms: z.int(),
  event_shape: z.enum(['msk', 'self-managed']),
  tenant_id: z.string().optional(),
  timeout_ms: z.int(),
  enabled: z.boolean(),
};

export const triggerSchema = z.object(triggerFields).openapi('Trigger');

const errorSchema = z
  .object({
    kind: z.string().openapi({ description: "Lambda's error type, or Millrace's own" }),
    message: z.string(),
    at: z.int().openapi({ description: 'Milliseconds since the epoch' }),
  })
  .openapi('TriggerError');

const partitionSchema = z
  .object({
    topic: z.string(),
    partition: z.int(),
    committed_offset: z.int().nullable().openapi({ description: 'null: none; then delivery begins at the log start' }),
    log_start_offset: z.int(),
    high_watermark: z.int(),
    lag: z.int().openapi({ description: 'Records still to be delivered, or to be skipped by filters' }),
    oldest_timestamp: z.int().optional().openapi({ description: 'When the oldest of them was appended, ms' }),
    holder: z.string().optional().openapi({ description: 'The dispatcher that delivers it now' }),
    held_until: z.int().optional(),
    attempts: z.int().openapi({ description: 'Of the batch that fails at present' }),
    next_attempt: z.int().optional().openapi({ description: 'Not before, ms' }),
    last_error: errorSchema.optional(),
  })
  .openapi('TriggerPartition');

export const describedTriggerSchema = z
  .object({
    ...triggerFields,
    lag: z.int().openapi({ description: 'Records, of all partitions' }),
    lag_ms: z.int().openapi({ description: 'Since the oldest record was appended that is still to be delivered' }),
    oldest_timestamp: z.int().optional(),
    last_error: errorSchema.optional().openapi({ description: 'Absent: none since the last success' }),
    partitions: z.array(partitionSchema),
  })
  .openapi('DescribedTrigger');
