/** Transactions: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { JSON_TYPE } from '../media-type.ts';
import { produceRecordSchema, recordMessages } from './produce-routes.ts';
import { defineRoute } from './route.ts';
import { groupOffsetSchema, wholeNumber } from './schemas.ts';

const tag = 'transactions';
const none = z.object({});
const notAnObject = { error: 'must be an object' };
const text = (openapi: { description: string }) => z.string({ error: 'must be a string' }).openapi(openapi);

/** Each in a body may be there once; `transactions-parser.ts` checks records straight from the bytes. */
const transactionRecordSchema = produceRecordSchema
  .safeExtend({ topic: z.string({ error: recordMessages.topic }).openapi({ description: "The topic's name" }) })
  .openapi('TransactionRecord');

const groupOffsets = {
  group: text({ description: 'The group id' }),
  offsets: z
    .array(groupOffsetSchema, { error: 'must be an array' })
    // Not `max`: zod compares the length of whatever is given, also of an object whose `length` is no number.
    .refine((offsets) => offsets.length <= transactionLimits.offsetsPerTransactionMax, {
      error: `must be at most ${transactionLimits.offsetsPerTransactionMax} offsets`,
    })
    .openapi({ maxItems: transactionLimits.offsetsPerTransactionMax }),
};
const whatIsRead = { description: 'What a consumer group has read, committed with the records' };

const offsetsSchema = z
  .strictObject(
    {
      ...groupOffsets,
      member: text({
        description: 'Who has read it: partitions that it owns; absent: nobody in particular',
      }).optional(),
      generation: wholeNumber().optional().openapi({ description: "The member's, by which the transaction is fenced" }),
      instance_id: text({ description: 'Of a static member' }).optional(),
    },
    notAnObject,
  )
  .openapi('GroupOffsets');

const records = z
  .array(transactionRecordSchema, { error: recordMessages.records })
  .max(requestLimits.recordsPerRequestMax, { error: recordMessages.records })
  .optional();

export const transactSchema = z
  .strictObject(
    {
      transactional_id: text({
        description:
          'Orders its transactions one after the other; with Producer-Epoch and Producer-Seq a retry is harmless',
      }).optional(),
      records,
      offsets: offsetsSchema.optional().openapi(whatIsRead),
    },
    notAnObject,
  )
  .openapi('Transaction');

export const partSchema = z
  .strictObject(
    {
      part: wholeNumber().openapi({ description: 'Counts the parts of the transaction, from 0' }),
      records,
      offsets: offsetsSchema.optional().openapi(whatIsRead),
    },
    notAnObject,
  )
  .openapi('TransactionPart');

export const initializeSchema = z
  .strictObject(
    {
      timeout_ms: z
        .int({ error: `must be a whole number from 1 to ${transactionLimits.transactionTimeoutMsMax}` })
        .optional()
        .openapi({
          description: 'How long a transaction of the id may be open',
          minimum: 1,
          maximum: transactionLimits.transactionTimeoutMsMax,
          default: transactionLimits.transactionTimeoutMsDefault,
        }),
    },
    notAnObject,
  )
  .openapi('InitializeTransactions');

const placeFields = { topic: z.string(), partition: z.int() };
const timestamp = z.int().openapi({ description: 'Milliseconds since the epoch' });

const transactAnswerSchema = z
  .object({
    records: z
      .array(z.object({ ...placeFields, offset: z.int(), timestamp }))
      .openapi({ description: 'In the order of the request' }),
  })
  .openapi('TransactionAnswer');

const partAnswerSchema = z
  .object({
    records: z
      .array(z.object({ ...placeFields, timestamp }))
      .openapi({ description: 'In the order of the request; the offsets come with the commit' }),
  })
  .openapi('TransactionPartAnswer');

const commitAnswerSchema = z
  .object({
    partitions: z.array(z.object({ ...placeFields, base_offset: z.int(), records: z.int() })).openapi({
      description:
        "A partition's records of the transaction have offsets from base_offset on, without a gap, in the order in which they were added",
    }),
  })
  .openapi('CommitAnswer');

const initializeAnswerSchema = z
  .object({ transactional_id: z.string(), epoch: z.int(), timeout_ms: z.int() })
  .openapi('InitializedTransactions');

const transactionStateSchema = z
  .object({
    transactional_id: z.string(),
    epoch: z.int().nullable().openapi({ description: 'null where no epoch was ever named' }),
    seq: z
      .int()
      .nullable()
      .openapi({ description: 'The newest transaction of the epoch; null where there is none yet' }),
    status: z.enum(['empty', 'ongoing', 'committed', 'aborted']),
    abort_reason: z.enum(['asked', 'timed-out']).optional(),
    parts: z.int().openapi({ description: 'Of an ongoing transaction, how many parts it has' }),
    timeout_ms: z.int(),
    begun_at: z.int().optional().openapi({ description: 'Of an ongoing transaction; milliseconds since the epoch' }),
  })
  .openapi('TransactionState');

const idParams = z.object({
  transactional_id: z.string().openapi({ description: 'The transactional id', example: 'billing-7' }),
});

const duplicateHeader = z.object({
  'Producer-Duplicate': z
    .string()
    .optional()
    .openapi({ description: 'true where this is the answer of an earlier, equal request' }),
});

const producerHeaders =
  'The headers Producer-Epoch (of the id, handed out by init) and Producer-Seq (the number of the transaction, from 0 in each epoch) say which transaction.';

const contentErrors = [
  'INVALID_TOPIC',
  'INVALID_GROUP_ID',
  'INCONSISTENT_GROUP_PROTOCOL',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'MESSAGE_TOO_LARGE',
  'OFFSET_METADATA_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'POLICY_VIOLATION',
  'REQUEST_TIMED_OUT',
  'THROTTLING_QUOTA_EXCEEDED',
] as const;

const stateErrors = [
  'CONCURRENT_TRANSACTIONS',
  'INVALID_TXN_STATE',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'REQUEST_TIMED_OUT',
] as const;

const memberErrors = ['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH', 'FENCED_INSTANCE_ID', 'ILLEGAL_GENERATION'] as const;

const longFormErrors = [...stateErrors, 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING'] as const;

export const transactRoute = defineRoute({
  method: 'post',
  path: '/v1/transactions',
  operationId: 'transact',
  summary: 'Write records to any topics and commit offsets, all of it or none',
  description:
    'With a transactional_id the headers Producer-Epoch and Producer-Seq make a retry harmless: a repeated number gives the first answer. A newer epoch takes the id over.',
  tag,
  access: 'any-key',
  params: none,
  query: none,
  body: { [JSON_TYPE]: transactSchema },
  answers: {
    200: {
      description: 'All is committed',
      headers: duplicateHeader,
      content: { [JSON_TYPE]: transactAnswerSchema },
    },
  },
  errors: [...contentErrors, ...stateErrors, 'INVALID_PRODUCER_EPOCH', 'DUPLICATE_SEQUENCE_NUMBER', ...memberErrors],
});

export const initializeTransactionsRoute = defineRoute({
  method: 'post',
  path: '/v1/transactions/{transactional_id}/init',
  operationId: 'initializeTransactions',
  summary: 'Take a transactional id over: fence older epochs, abort what they have open',
  tag,
  access: 'any-key',
  params: idParams,
  query: none,
  body: { [JSON_TYPE]: initializeSchema },
  answers: { 200: { description: 'The new epoch', content: { [JSON_TYPE]: initializeAnswerSchema } } },
  errors: ['INVALID_TRANSACTION_TIMEOUT', 'REQUEST_TIMED_OUT'],
});

export const addToTransactionRoute = defineRoute({
  method: 'post',
  path: '/v1/transactions/{transactional_id}/parts',
  operationId: 'addToTransaction',
  summary: 'Add records and offsets to a transaction; the first part begins it',
  description: `${producerHeaders} A repeated part adds nothing and gives the first answer.`,
  tag,
  access: 'any-key',
  params: idParams,
  query: none,
  body: { [JSON_TYPE]: partSchema },
  answers: {
    200: {
      description: 'Added, and to be seen by nobody until the commit',
      headers: duplicateHeader,
      content: { [JSON_TYPE]: partAnswerSchema },
    },
  },
  errors: [...contentErrors, ...longFormErrors, ...memberErrors],
});

export const commitTransactionRoute = defineRoute({
  method: 'post',
  path: '/v1/transactions/{transactional_id}/commit',
  operationId: 'commitTransaction',
  summary: 'Commit a transaction: all that was added appears at once',
  description: `${producerHeaders} A repeated commit gives the first answer.`,
  tag,
  access: 'any-key',
  params: idParams,
  query: none,
  answers: {
    200: { description: 'All is committed', headers: duplicateHeader, content: { [JSON_TYPE]: commitAnswerSchema } },
  },
  errors: [
    ...longFormErrors,
    ...memberErrors,
    'UNKNOWN_TOPIC_OR_PARTITION',
    'POLICY_VIOLATION',
    'THROTTLING_QUOTA_EXCEEDED',
  ],
});

export const abortTransactionRoute = defineRoute({
  method: 'post',
  path: '/v1/transactions/{transactional_id}/abort',
  operationId: 'abortTransaction',
  summary: 'Abort a transaction: nothing that was added ever appears',
  description: `${producerHeaders} Aborting again is harmless.`,
  tag,
  access: 'any-key',
  params: idParams,
  query: none,
  answers: { 204: { description: 'The transaction is over' } },
  errors: longFormErrors,
});

export const describeTransactionRoute = defineRoute({
  method: 'get',
  path: '/v1/transactions/{transactional_id}',
  operationId: 'describeTransaction',
  summary: 'What is known of a transactional id',
  tag,
  access: 'any-key',
  params: idParams,
  query: none,
  answers: {
    200: { description: 'Its epoch and newest transaction', content: { [JSON_TYPE]: transactionStateSchema } },
  },
  errors: ['TRANSACTIONAL_ID_NOT_FOUND'],
});
