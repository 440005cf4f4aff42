/**
 * Produce: what its requests and answers look like.
 *
 * The record schema documents JSON and NDJSON bodies; `record-parser.ts` checks them, straight from the bytes, and a
 * property test holds the two to the same verdicts.
 */
import { z } from '@hono/zod-openapi';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { BATCHES_TYPE, JSON_TYPE, NDJSON_TYPE } from '../media-type.ts';
import { duplicateHeaderSchema, producerHeadersSchema } from './producer-headers.ts';
import { defineRoute } from './route.ts';
import { numberParameter, partitionParameter, problemSchema, topicParameter, wholeNumber } from './schemas.ts';

/** What the parser and the schema say of a bad field: one text for both. */
export const recordMessages = {
  record: 'must be an object',
  topic: 'must be the name of a topic',
  lines: 'must have at least one line with a record',
  records: `must be an array of 1 to ${requestLimits.recordsPerRequestMax} records`,
  base64: 'must be a string of base64 (RFC 4648, 4) with padding',
  twice: 'must not be there beside the same without _base64',
  headers: 'must be an object of strings, or an array of {"key", "value" or "value_base64"}',
  headerCount: `must be at most ${requestLimits.headersPerRecordMax} headers`,
  headerKey: 'must be a string',
  headerValue: 'must be a string',
  headerValueOrNull: 'must be a string or null',
  wholeNumber: 'must be a whole number from 0 to 2^53 − 1',
  acks: 'must be "all" (−1), "leader" (1) or "none" (0)',
} as const;

const base64 = () => z.base64({ error: recordMessages.base64 }).openapi({ format: 'byte' });

const headerSchema = z
  .strictObject(
    {
      key: z.string({ error: recordMessages.headerKey }),
      value: z.string({ error: recordMessages.headerValueOrNull }).nullable().optional(),
      value_base64: base64().optional(),
    },
    { error: recordMessages.headers },
  )
  .superRefine(notTwice('value'));

/** A key or value may be given as it is or as base64, not both. */
function notTwice<Name extends string>(...names: Name[]) {
  return (given: { [key in Name | `${Name}_base64`]?: unknown }, context: z.RefinementCtx) => {
    for (const name of names) {
      const base64Name = `${name}_base64` as const;
      if (given[name] === undefined || given[base64Name] === undefined) continue;
      context.addIssue({ code: 'custom', path: [base64Name], message: recordMessages.twice });
    }
  };
}

const anyJson = (what: string) =>
  z.unknown().openapi({
    description: `${what}: a string is stored as its UTF-8 bytes (half of a surrogate pair is refused), an object, array, number or boolean as its JSON text (there such an escape stays as it was sent), null or nothing as Kafka's null`,
  });

export const produceRecordSchema = z
  .strictObject(
    {
      key: anyJson('The key').optional(),
      key_base64: base64().optional(),
      value: anyJson('The value').optional(),
      value_base64: base64().optional(),
      headers: z
        .union(
          [
            z
              .record(z.string(), z.string({ error: recordMessages.headerValue }))
              .refine(
                (headers) => Object.keys(headers).length <= requestLimits.headersPerRecordMax,
                recordMessages.headerCount,
              ),
            z.array(headerSchema).max(requestLimits.headersPerRecordMax, recordMessages.headerCount),
          ],
          { error: recordMessages.headers },
        )
        .optional()
        .openapi({
          description: `At most ${requestLimits.headersPerRecordMax}; an array where a key is there twice or a value is bytes or null`,
        }),
      partition: wholeNumber(recordMessages.wholeNumber).optional().openapi({
        description: 'By the key where absent; one partition for all records of the request that have no key',
      }),
      timestamp: wholeNumber(recordMessages.wholeNumber)
        .optional()
        .openapi({ description: 'Milliseconds since the epoch; the time of the request where absent' }),
    },
    { error: recordMessages.record },
  )
  .superRefine(notTwice('key', 'value'))
  .openapi('ProduceRecord');

const acks = z
  .union([z.enum(['all', 'leader', 'none']), z.literal(-1), z.literal(1), z.literal(0)], { error: recordMessages.acks })
  .openapi({
    description: 'all (−1) and leader (1) are answered when the records are stored and sequenced, none (0) before',
    default: 'all',
  });

export const produceRequestSchema = z
  .strictObject({
    records: z
      .array(produceRecordSchema, { error: recordMessages.records })
      .min(1, { error: recordMessages.records })
      .max(requestLimits.recordsPerRequestMax, { error: recordMessages.records }),
    acks: acks.optional(),
    expected_offset: wholeNumber(recordMessages.wholeNumber).optional().openapi({
      description:
        "Append only if the partition's next offset is this one. All records must then go to one partition, named by the path or by each of them",
    }),
  })
  .openapi('ProduceRequest');

const writtenSchema = z.object({
  partition: z.int(),
  offset: z.int().optional().openapi({ description: 'Absent with acks=none' }),
  timestamp: z
    .int()
    .optional()
    .openapi({ description: 'Absent with acks=none, and of a duplicate whose request does not name it' }),
});
const failedSchema = z.object({ error: problemSchema });

/** One record's fate; also one line of an NDJSON answer. */
export const produceResultSchema = z.union([writtenSchema, failedSchema]).openapi('ProduceResult');

const produceAnswerSchema = z
  .object({
    records: z.array(produceResultSchema).openapi({ description: 'In the order of the request' }),
  })
  .openapi('ProduceAnswer');

const produceBatchesAnswerSchema = z
  .object({
    partition: z.int(),
    base_offset: z.int().optional().openapi({ description: 'The offset of the first record; absent with acks=none' }),
    record_count: z.int(),
  })
  .openapi('ProduceBatchesAnswer');

const query = z.object({
  acks: z
    .enum(['all', 'leader', 'none', '-1', '1', '0'], { error: recordMessages.acks })
    .optional()
    .openapi({ default: 'all', description: 'As in a JSON body' }),
  expected_offset: numberParameter({ description: 'As in a JSON body' }),
});

const lines = z.string().openapi({ description: 'A ProduceRecord as JSON on every line' });
const resultLines = z
  .string()
  .openapi({ description: 'A ProduceResult as JSON on every line, in the order of the request' });
const batches = z.string().openapi({
  format: 'binary',
  description: "Kafka's record batches (magic 2), one after the other; all of them are written or none",
});

const errors = [
  'INVALID_TOPIC',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'MESSAGE_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'CORRUPT_MESSAGE',
  'OFFSET_MISMATCH',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'REQUEST_TIMED_OUT',
] as const;

const description =
  'Each record has its own outcome. When some failed the answer is 207 with an `error` in their places; when all failed for the same reason it is that error.';

export const produceRoute = defineRoute({
  method: 'post',
  path: '/v1/topics/{topic}/records',
  operationId: 'produce',
  summary: 'Write records to a topic',
  description,
  tag: 'records',
  access: 'produce',
  params: z.object({ topic: topicParameter }),
  query,
  headers: producerHeadersSchema,
  body: { [JSON_TYPE]: produceRequestSchema, [NDJSON_TYPE]: lines },
  answers: {
    200: {
      description: 'All are written',
      headers: duplicateHeaderSchema,
      content: { [JSON_TYPE]: produceAnswerSchema, [NDJSON_TYPE]: resultLines },
    },
    202: { description: 'With acks=none', content: { [JSON_TYPE]: produceAnswerSchema, [NDJSON_TYPE]: resultLines } },
    207: { description: 'Some failed', content: { [JSON_TYPE]: produceAnswerSchema, [NDJSON_TYPE]: resultLines } },
  },
  errors,
});

export const produceToPartitionRoute = defineRoute({
  method: 'post',
  path: '/v1/topics/{topic}/partitions/{partition}/records',
  operationId: 'produceToPartition',
  summary: 'Write records, or whole record batches, to a partition',
  description,
  tag: 'records',
  access: 'produce',
  params: z.object({ topic: topicParameter, partition: partitionParameter }),
  query,
  headers: producerHeadersSchema,
  body: { [JSON_TYPE]: produceRequestSchema, [NDJSON_TYPE]: lines, [BATCHES_TYPE]: batches },
  answers: {
    200: {
      description: 'All are written. Batches are answered with a ProduceBatchesAnswer',
      headers: duplicateHeaderSchema,
      content: { [JSON_TYPE]: z.union([produceAnswerSchema, produceBatchesAnswerSchema]), [NDJSON_TYPE]: resultLines },
    },
    202: {
      description: 'With acks=none',
      content: { [JSON_TYPE]: z.union([produceAnswerSchema, produceBatchesAnswerSchema]), [NDJSON_TYPE]: resultLines },
    },
    207: { description: 'Some failed', content: { [JSON_TYPE]: produceAnswerSchema, [NDJSON_TYPE]: resultLines } },
  },
  errors: [...errors, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'UNSUPPORTED_COMPRESSION_TYPE'],
});
