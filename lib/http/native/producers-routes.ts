/** Producer ids: what their requests and answers look like. */
import { z } from '@hono/zod-openapi';
import { JSON_TYPE } from '../media-type.ts';
import { defineRoute } from './route.ts';
import { wholeNumber } from './schemas.ts';

const none = z.object({});

export const initProducerSchema = z
  .strictObject(
    {
      producer_id: wholeNumber('must be a producer id: a whole number from 0 to 2^53 − 1').optional().openapi({
        description: 'One that was handed out to this key before: its next epoch, which fences the older ones',
      }),
    },
    { error: 'must be an object' },
  )
  .openapi('InitProducer');

const producerSchema = z
  .object({
    producer_id: z
      .int()
      .openapi({ description: "What Producer-Id and the record batches' headers say; Kafka's 64-bit number" }),
    producer_epoch: z.int().openapi({ description: 'What Producer-Epoch says' }),
  })
  .openapi('Producer');

export const initProducerRoute = defineRoute({
  method: 'post',
  path: '/v1/producers',
  operationId: 'initProducer',
  summary: 'Hand out a producer id, or the next epoch of one',
  description:
    'For idempotent producers that want a number, as Kafka hands it out. A caller may as well choose a name for Producer-Id and count its epochs by itself. A new epoch fences the older ones in each partition with its first records there.',
  tag: 'producers',
  access: 'any-key',
  params: none,
  query: none,
  body: { [JSON_TYPE]: initProducerSchema },
  answers: { 201: { description: 'The producer', content: { [JSON_TYPE]: producerSchema } } },
  errors: ['INVALID_PRODUCER_ID_MAPPING'],
});
