/** Orders to be produced, of which some are poison. */
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { DEADLY_QUANTITY, type Order } from './process-orders.ts';

/** One in twenty is poison, and the function dies of one in fifty of those. By offset, as by chance. */
const POISON_OF_TEN_THOUSAND = 500;
const DEADLY_OF_TEN_THOUSAND = 10;

export function isPoison(partition: number, offset: number): boolean {
  return scattered(partition, offset) < POISON_OF_TEN_THOUSAND;
}

export function orderOf(partition: number, offset: number): Order {
  const isDeadly = scattered(partition, offset) < DEADLY_OF_TEN_THOUSAND;
  const quantity = isDeadly ? DEADLY_QUANTITY : isPoison(partition, offset) ? 0 : 1 + (offset % 9);
  return { id: offset, quantity };
}

/** A record batch of the orders from the first offset to before the end. */
export function ordersBatch(partition: number, first: number, end: number): Uint8Array {
  const records = Array.from({ length: end - first }, (_, index) => ({
    timestamp: Date.now(),
    key: Buffer.from(`customer-${(first + index) % 100}`),
    value: Buffer.from(JSON.stringify(orderOf(partition, first + index))),
    headers: [{ key: 'source', value: Buffer.from('shop') }],
  }));
  return encodeBatch(records);
}

/** Of ten thousand. */
function scattered(partition: number, offset: number): number {
  let hash = Math.imul(offset + 1, 0x9e3779b1) ^ Math.imul(partition + 1, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) % 10_000;
}
