/** The headers of idempotent producers: which of a producer's records a request has. */
import { z } from '@hono/zod-openapi';
import type { RequestSequence } from '../../broker/produce/produce.ts';
import type { MillraceError } from '../../kernel/errors.ts';
import { producerLimits } from '../../kernel/limits/producers.ts';
import { malformedField } from '../problems.ts';

const ID = 'Producer-Id';
const EPOCH = 'Producer-Epoch';
const SEQUENCE = 'Producer-Seq';
const NAMES = [ID, EPOCH, SEQUENCE] as const;

/** Kafka's epochs are 16 bits. */
const EPOCH_MAX = 32_767;
const SEQUENCE_MAX = 0x7fffffff;

const ID_PATTERN = new RegExp(`^[A-Za-z0-9._-]{1,${producerLimits.producerIdLengthMax}}$`);

/** Says that the records were there before. */
export const DUPLICATE_HEADER = 'Producer-Duplicate';

export const producerHeadersSchema = z.object({
  [ID]: z.string().optional().openapi({
    pattern: ID_PATTERN.source,
    description:
      'With the two others: the request is written once, however often it is sent. Every key has ids of its own',
  }),
  [EPOCH]: z.string().optional().openapi({
    type: 'integer',
    minimum: 0,
    maximum: EPOCH_MAX,
    description: 'A newer epoch begins at sequence 0 and fences the older ones',
  }),
  [SEQUENCE]: z.string().optional().openapi({
    type: 'integer',
    minimum: 0,
    maximum: SEQUENCE_MAX,
    description: "The sequence of the request's first record in its partition; after 2^31 − 1 comes 0",
  }),
});

export const duplicateHeaderSchema = z.object({
  [DUPLICATE_HEADER]: z
    .string()
    .optional()
    .openapi({ description: 'true where the records of an idempotent producer had been written before' }),
});

type Header = (name: string) => string | undefined;

/** `undefined` where there is none of the headers. Throws `INVALID_REQUEST` where they are not all there, or wrong. */
export function producerSequence(header: Header, principal: string): RequestSequence | undefined {
  const [id, epoch, sequence] = NAMES.map((name) => header(name));
  if (id === undefined && epoch === undefined && sequence === undefined) return undefined;
  if (id === undefined || epoch === undefined || sequence === undefined) throw incomplete(header);
  if (!ID_PATTERN.test(id)) {
    throw malformedField(ID, `must be 1 to ${producerLimits.producerIdLengthMax} letters, digits, ".", "_" and "-"`);
  }
  return {
    principal,
    id,
    epoch: wholeNumber(EPOCH, epoch, EPOCH_MAX),
    firstSequence: wholeNumber(SEQUENCE, sequence, SEQUENCE_MAX),
  };
}

function incomplete(header: Header): MillraceError {
  const given = NAMES.find((name) => header(name) !== undefined) ?? ID;
  return malformedField(given, `must come with ${NAMES.filter((name) => name !== given).join(' and ')}`);
}

/** Record batches say it themselves. */
export function refuseProducerHeaders(header: Header): void {
  const name = NAMES.find((one) => header(one) !== undefined);
  if (name !== undefined) throw malformedField(name, 'is not for record batches, which carry it in their own headers');
}

function wholeNumber(name: string, text: string, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= most) return value;
  throw malformedField(name, `must be a whole number from 0 to ${most}`);
}
