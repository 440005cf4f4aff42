/**
 * Processes orders, as a Lambda function behind a topic. It is written for Lambda's own event source mapping of Kafka, and would
 * run behind one unchanged.
 *
 * Orders of a partition are processed in order: the first that fails ends its partition, and is named in the answer. What was
 * before it is done; it and what comes after it are delivered again, until the trigger gives the order up and sends it to the
 * queue for poison orders.
 */
import type { MSKEvent, MSKRecord } from 'aws-lambda';

export interface Order {
  id: string;
  items: { sku: string; quantity: number; price: number }[];
}

export interface BatchResponse {
  batchItemFailures: { itemIdentifier: { partition: string; offset: number } }[];
}

export const handler = async (event: MSKEvent): Promise<BatchResponse> => {
  const batchItemFailures: BatchResponse['batchItemFailures'] = [];
  for (const [partition, records] of Object.entries(event.records)) {
    const failed = firstFailure(records);
    if (failed !== undefined) batchItemFailures.push({ itemIdentifier: { partition, offset: failed.offset } });
  }
  return { batchItemFailures };
};

function firstFailure(records: readonly MSKRecord[]): MSKRecord | undefined {
  return records.find((record) => {
    try {
      const order = parseOrder(Buffer.from(record.value, 'base64').toString('utf8'));
      console.log(`${record.topic}-${record.partition}@${record.offset}: order ${order.id} comes to ${totalOf(order)}`);
      return false;
    } catch (error) {
      const attempt = `${record.topic}-${record.partition}@${record.offset}`;
      console.error(`${attempt}: ${error instanceof Error ? error.message : String(error)}`);
      return true;
    }
  });
}

/** Throws for what is no order. */
function parseOrder(text: string): Order {
  const { id, items } = JSON.parse(text) as Partial<Order>;
  if (typeof id !== 'string' || !Array.isArray(items)) throw new Error('this is no order');
  return { id, items };
}

/** Throws for orders that nobody can deliver. */
function totalOf({ id, items }: Order): number {
  const impossible = items.find(({ quantity }) => !(quantity > 0));
  if (impossible !== undefined) throw new Error(`order ${id} has ${impossible.quantity} of ${impossible.sku}`);
  return items.reduce((total, { quantity, price }) => total + quantity * price, 0);
}
