/** Fetch, offsets and plan: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { BATCHES_TYPE, EVENTS_TYPE, JSON_TYPE, NDJSON_TYPE } from '../media-type.ts';
import { rackHeaderSchema } from './rack-header.ts';
import { defineRoute } from './route.ts';
import { numberParameter, partitionParameter, topicParameter } from './schemas.ts';

const tag = 'records';
const params = z.object({ topic: topicParameter, partition: partitionParameter });

const offsetError = { error: 'must be an offset, "earliest", "latest", or -<n> for n before the end' };
const timestampError = { error: 'must be milliseconds since the epoch' };

export const encodings = ['utf8', 'base64', 'json'] as const;
export type Encoding = (typeof encodings)[number];

const timestamp = z
  .string()
  .regex(/^\d{1,16}$/, timestampError)
  .transform(Number)
  .refine(Number.isSafeInteger, timestampError);

const query = z.object({
  offset: z
    .string()
    .regex(/^(?:earliest|latest|-?\d{1,16})$/, offsetError)
    .refine((text) => !/\d/.test(text) || Number.isSafeInteger(Number(text)), offsetError)
    .optional()
    .openapi({
      description: 'Where to begin: an offset, earliest, latest, or -<n> for n records before the end',
      example: 'earliest',
    }),
  timestamp: timestamp.optional().openapi({
    type: 'integer',
    description: 'Begin at the first record of this time (ms since the epoch) or later, in place of offset',
  }),
  max_records: numberParameter({
    from: 1,
    lowerTo: requestLimits.fetchRecordsMax,
    default: requestLimits.fetchRecordsDefault,
    description: 'At most this many records',
  }),
  max_bytes: numberParameter({
    lowerTo: requestLimits.fetchBytesMax,
    default: requestLimits.fetchBytesDefault,
    description: 'At most this many bytes of answer, but one record, where there is one, in any case',
  }),
  min_bytes: numberParameter({
    lowerTo: requestLimits.fetchBytesMax,
    default: 1,
    description: 'With wait_ms: wait until there are this many bytes of record batches',
  }),
  wait_ms: numberParameter({
    lowerTo: requestLimits.fetchWaitMsMax,
    description:
      'How long to wait for records where there are none (long poll); of a live tail, after how long a silence it ends',
  }),
  isolation: z
    .enum(['read_committed', 'read_uncommitted'], { error: 'must be read_committed or read_uncommitted' })
    .optional()
    .openapi({
      description:
        'Both mean the same: what is not committed is in no partition, so that nobody can read it or has to wait for it',
    }),
  encoding: z.enum(encodings, { error: 'must be utf8, base64 or json' }).optional().openapi({
    default: 'utf8',
    description:
      'How keys and values are written. utf8: as strings, in key_base64 and value_base64 where they are no UTF-8. base64: always so. json: as the JSON they are, else as for utf8',
  }),
});

const bytesOrNull = z.string().nullable().optional();

const headerSchema = z
  .object({ key: z.string(), value: bytesOrNull, value_base64: bytesOrNull })
  .openapi('RecordHeader');

export const recordSchema = z
  .object({
    offset: z.int(),
    timestamp: z.int().openapi({ description: 'Milliseconds since the epoch; -1 for none' }),
    key: z.unknown().optional().openapi({ description: 'A string or null; with encoding=json any JSON' }),
    key_base64: bytesOrNull,
    value: z.unknown().optional().openapi({ description: 'A string or null; with encoding=json any JSON' }),
    value_base64: bytesOrNull,
    headers: z.array(headerSchema),
  })
  .openapi('Record');

const fetchAnswerSchema = z
  .object({
    records: z.array(recordSchema),
    next_offset: z.int().openapi({
      description:
        'Where the next fetch begins; it may be further on though there are no records, where some were lost',
    }),
    high_watermark: z.int().openapi({ description: 'The offset after the last record' }),
    log_start_offset: z.int(),
  })
  .openapi('FetchAnswer');

const positionHeaders = z.object({
  'Millrace-Next-Offset': z
    .string()
    .optional()
    .openapi({ description: 'Of lines and batches: where the next fetch begins' }),
  'Millrace-High-Watermark': z
    .string()
    .optional()
    .openapi({ description: 'Of lines and batches: the offset after the last record' }),
});

export const fetchRoute = defineRoute({
  method: 'get',
  path: '/v1/topics/{topic}/partitions/{partition}/records',
  operationId: 'fetch',
  summary: 'Read records of a partition',
  description:
    'Accept chooses the form: JSON, lines of JSON, a live tail as server-sent events (each with its offset as id; Last-Event-ID resumes), or record batches as they are stored.',
  tag,
  access: 'consume',
  params,
  query,
  headers: rackHeaderSchema,
  answers: {
    200: {
      description: 'Records from the position on; none where there are none yet',
      headers: positionHeaders,
      content: {
        [JSON_TYPE]: fetchAnswerSchema,
        [NDJSON_TYPE]: z.string().openapi({ description: 'A Record as JSON on every line' }),
        [EVENTS_TYPE]: z.string().openapi({ description: 'A Record as JSON in the data of every event' }),
        [BATCHES_TYPE]: z.string().openapi({
          format: 'binary',
          description: "Kafka's record batches (magic 2); the first may begin before the position",
        }),
      },
    },
  },
  errors: [
    'INVALID_TOPIC',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'OFFSET_OUT_OF_RANGE',
    'NOT_ACCEPTABLE',
    'THROTTLING_QUOTA_EXCEEDED',
  ],
});

const moment = z.union([z.enum(['earliest', 'latest']), timestamp], {
  error: 'must be milliseconds since the epoch, "earliest" or "latest"',
});

const listOffsetsAnswerSchema = z
  .object({
    offset: z.int().nullable().openapi({ description: 'null where no record has this time or a later one' }),
    timestamp: z.int().nullable().openapi({ description: 'Of the record found; null for earliest and latest' }),
    leader_epoch: z.int(),
  })
  .openapi('Offset');

export const listOffsetsRoute = defineRoute({
  method: 'get',
  path: '/v1/topics/{topic}/partitions/{partition}/offsets',
  operationId: 'listOffsets',
  summary: 'Find an offset by time, or an end of a partition',
  tag,
  access: 'consume',
  params,
  query: z.object({
    timestamp: moment.openapi({
      type: 'string',
      description: 'Milliseconds since the epoch, earliest or latest',
      example: 'latest',
    }),
  }),
  answers: { 200: { description: 'The offset', content: { [JSON_TYPE]: listOffsetsAnswerSchema } } },
  errors: ['INVALID_TOPIC', 'UNKNOWN_TOPIC_OR_PARTITION'],
});

const plannedUrlSchema = z.object({
  url: z.string(),
  headers: z.record(z.string(), z.string()).openapi({ description: 'To be sent with the request; they are signed' }),
  base_offset: z.int(),
  last_offset: z.int(),
  bytes: z.int(),
  crc32c: z.int().openapi({ description: 'Of the bytes' }),
  offsets: z.literal('absolute').optional().openapi({
    description:
      'Absent: batches in the bytes follow each other from base_offset on, whatever offsets they carry. absolute: they carry their own; there may be gaps, the first may begin before base_offset, and the last end after last_offset',
  }),
});

const plannedBytesSchema = z.object({
  batches_base64: z.string(),
  base_offset: z.int(),
  last_offset: z.int(),
});

const planAnswerSchema = z
  .object({
    segments: z.array(z.union([plannedUrlSchema, plannedBytesSchema])),
    next_offset: z.int(),
    expires_at: z.int().nullable().openapi({ description: 'When the first URL stops working; null without URLs' }),
  })
  .openapi('Plan');

export const planRoute = defineRoute({
  method: 'get',
  path: '/v1/topics/{topic}/partitions/{partition}/plan',
  operationId: 'planFetch',
  summary: 'Where the bytes of records lie, to read them without this server',
  tag,
  access: 'consume',
  params,
  query: z.object({
    offset: z
      .string({ error: 'must be an offset, "earliest" or "latest"' })
      .regex(/^(?:earliest|latest|\d{1,16})$/, { error: 'must be an offset, "earliest" or "latest"' })
      .refine((text) => !/\d/.test(text) || Number.isSafeInteger(Number(text)), {
        error: 'must be an offset, "earliest" or "latest"',
      })
      .openapi({ description: 'An offset, earliest or latest', example: '0' }),
    max_bytes: numberParameter({
      default: requestLimits.fetchBytesDefault,
      description: 'At most this many bytes of record batches, but one segment, where there is one, in any case',
    }),
  }),
  headers: rackHeaderSchema,
  answers: { 200: { description: 'The plan', content: { [JSON_TYPE]: planAnswerSchema } } },
  errors: ['INVALID_TOPIC', 'UNKNOWN_TOPIC_OR_PARTITION', 'OFFSET_OUT_OF_RANGE'],
});
