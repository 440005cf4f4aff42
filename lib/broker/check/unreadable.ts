/**
 * Decoding an item that may be damaged. Everywhere else an item that cannot be decoded is a bug, which nothing handles;
 * to find such items is what the check is for.
 */
import { AssertionError } from '../../kernel/assert.ts';
import { MalformedBytesError } from '../../kernel/bytes.ts';

export type Decoded<T> = { value: T; reason?: undefined } | { value?: undefined; reason: string };

export function isUndecodable(error: unknown): error is Error {
  return error instanceof AssertionError || error instanceof MalformedBytesError;
}

export function decoded<T>(decode: () => T): Decoded<T> {
  try {
    return { value: decode() };
  } catch (error) {
    if (isUndecodable(error)) return { reason: error.message };
    throw error;
  }
}
