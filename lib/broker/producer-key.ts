/**
 * What a producer is called in ledgers: 72 bits of a hash of the principal and the producer's id, so that nobody can write,
 * or fence, as another's producer, and every id takes the same few bytes in a ledger's head.
 *
 * An id is a name that the caller chose (`Producer-Id`) or a number that was handed out, in decimal: the number in a record
 * batch and the same number in the header are one producer.
 */
import { createHash } from 'node:crypto';
import { toBase64Url } from '../kernel/bytes.ts';

const KEY_BYTES = 9;

/** `principal` is empty where nobody is asked who they are. */
export function producerKey(principal: string, id: string): string {
  // Neither has a zero byte in it.
  const digest = createHash('sha256').update(`${principal}\0${id}`).digest();
  return toBase64Url(digest.subarray(0, KEY_BYTES));
}
