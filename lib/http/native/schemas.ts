/** Schemas that several routes share. Their messages go on from the field's name: "limit must be …". */
import { z } from '@hono/zod-openapi';
import { ERROR_CODES } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: 'A sentence that names the offending thing and what is allowed' }),
    code: z.enum(ERROR_CODES),
    kafka_code: z.int().openapi({ description: 'The number of the error that a Kafka client sees' }),
    retriable: z.boolean().openapi({ description: 'The same request may succeed later without change' }),
    effect: z
      .enum(['none', 'unknown'])
      .openapi({ description: 'none: nothing has changed. unknown: the request may have taken effect' }),
    field: z.string().optional().openapi({ description: 'The field at fault' }),
    log_start_offset: z.int().optional(),
    high_watermark: z.int().optional(),
    next_offset: z.int().optional(),
    expected_seq: z.int().optional(),
    id: z.string().optional().openapi({ description: 'Of a 500: what the log has it under' }),
  })
  .openapi('Problem');

/** A count or an offset: a whole number from 0 that a double holds exactly. */
export function wholeNumber(what = 'must be a whole number from 0 to 2^53 − 1') {
  return z.int({ error: what }).min(0, { error: what });
}

/** An offset that is to be committed, of a transaction or by itself. */
export const groupOffsetSchema = z
  .strictObject(
    {
      topic: z.string({ error: 'must be a string' }),
      partition: wholeNumber(),
      offset: wholeNumber().openapi({ description: 'The next one to read' }),
      leader_epoch: wholeNumber().optional(),
      metadata: z
        .string({ error: 'must be a string' })
        .optional()
        .openapi({ description: `At most ${transactionLimits.offsetMetadataBytesMax} bytes` }),
    },
    { error: 'must be an object' },
  )
  .openapi('GroupOffset');

/** A whole number in the query string, in plain digits; a larger one than `lowerTo` is lowered to it. */
export function numberParameter(options: { lowerTo?: number; from?: number; description: string; default?: number }) {
  const { from = 0, lowerTo, description } = options;
  const what = `must be a whole number from ${from} to 2^53 − 1`;
  return z
    .string()
    .regex(/^\d{1,16}$/, { error: what })
    .transform(Number)
    .refine((number) => Number.isSafeInteger(number) && number >= from, { error: what })
    .transform((number) => (lowerTo === undefined ? number : Math.min(number, lowerTo)))
    .optional()
    .openapi({
      type: 'integer',
      minimum: from,
      default: options.default,
      description: lowerTo === undefined ? description : `${description}; larger values are lowered to ${lowerTo}`,
    });
}

export const pageParameters = {
  limit: z
    .string()
    .regex(/^\d{1,16}$/, { error: `must be a whole number from 1 to ${requestLimits.listPageMax}` })
    .transform(Number)
    .optional()
    .openapi({
      type: 'integer',
      minimum: 1,
      maximum: requestLimits.listPageMax,
      default: requestLimits.listPageDefault,
    }),
  cursor: z.string().optional().openapi({ description: 'The next of an earlier answer' }),
};

export const nextSchema = z
  .string()
  .optional()
  .openapi({ description: 'The cursor of the next page; absent on the last' });

/** The topic in a path. Its rules are the broker's: a name that no topic can have is answered with INVALID_TOPIC. */
export const topicParameter = z
  .string()
  .openapi({ description: "The topic's name", pattern: '^[a-zA-Z0-9._-]{1,249}$', example: 'orders' });

export const partitionParameter = z
  .string()
  .regex(/^\d{1,9}$/, { error: 'must be a whole number from 0 to 999999999' })
  .transform(Number)
  .openapi({ type: 'integer', minimum: 0, description: 'The partition', example: 0 });
