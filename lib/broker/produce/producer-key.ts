/**
 * What a producer is called in ledgers: 72 bits of a hash of the principal and the producer's id, so that nobody can
 * write, or fence, as another's producer, and every id takes the same few bytes in a ledger's head.
 *
 * An id is a name that the caller chose (`Producer-Id`) or a number that was handed out, in decimal: the number in a
 * record batch and the same number in the header are one producer.
 */
import { hash } from 'node:crypto';

/** Of base64url: 9 bytes. */
const KEY_LENGTH = 12;

/** `principal` is empty where nobody is asked who they are. */
export function producerKey(principal: string, id: string): string {
  // Neither has a zero byte in it.
  return hash('sha256', `${principal}\0${id}`, 'base64url').slice(0, KEY_LENGTH);
}
