/** Whose tokens Kafka's clients may show, as an operator says it. */
import { readFile } from 'node:fs/promises';
import { type TokenOptions, type TokenValidator, tokenValidator } from '../../kafka/sasl/token-validator.ts';
import type { Clock } from '../../kernel/clock.ts';
import { OptionsError } from '../settings.ts';

export interface TokenSource extends Omit<TokenOptions, 'keys'> {
  /** An URL, or a file's path. */
  keys: string;
}

/**
 * Throws `OptionsError` where the keys are to be in a file, and are not. An URL is asked when the first token comes.
 */
export async function tokensOf({ keys, ...options }: TokenSource, clock: Clock): Promise<TokenValidator> {
  if (/^https?:/i.test(keys)) return tokenValidator({ ...options, keys: { url: keys } }, clock);
  const read = () => readFile(keys, 'utf8');
  try {
    const { keys: listed } = JSON.parse(await read()) as { keys?: unknown };
    if (!Array.isArray(listed)) throw new TypeError('it has no list of keys');
  } catch (error) {
    throw new OptionsError(`${keys} is no file of keys (JWKS): ${(error as Error).message}`);
  }
  return tokenValidator({ ...options, keys: { read } }, clock);
}
