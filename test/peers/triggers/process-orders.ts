/**
 * A handler as teams write them for Lambda's own mapping of Kafka, with Powertools' consumer: in order, up to the first
 * order that cannot be processed, which it names. Of some orders it dies instead, and says nothing.
 */
import { kafkaConsumer, SchemaType } from '@aws-lambda-powertools/kafka';

export interface Order {
  id: number;
  quantity: number;
}

/** Orders of which there is less than nothing. */
export const DEADLY_QUANTITY = -1;

export const handler = kafkaConsumer<string, Order>(
  // oxlint-disable-next-line require-await -- Powertools' types ask for it
  async ({ records }) => {
    for (const { topic, partition, offset, value } of records) {
      if (value.quantity === DEADLY_QUANTITY) throw new Error(`order ${value.id} cannot be`);
      if (value.quantity === 0) return failure(`${topic}-${partition}`, offset);
    }
    return { batchItemFailures: [] };
  },
  { value: { type: SchemaType.JSON } },
);

function failure(partition: string, offset: number) {
  return { batchItemFailures: [{ itemIdentifier: { partition, offset } }] };
}
