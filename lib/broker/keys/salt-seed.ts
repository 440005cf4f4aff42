/**
 * What the salts of SCRAM are drawn from for ids whose keys are not stored: declared ones, and those that no key has.
 * It is the same in all processes and stays a secret, so that nobody can tell the one from the other by the salt that
 * is shown.
 *
 * Item: `cluster` / `salt-seed`, with `s`: 32 random bytes.
 */
import { assert } from '../../kernel/assert.ts';
import type { ItemKey } from '../../kernel/items.ts';
import type { Broker } from '../broker.ts';
import { madeOnce } from '../made-once.ts';

const KEY: ItemKey = { pk: 'cluster', sk: 'salt-seed' };
const SEED_BYTES = 32;

/** Made by whoever asks first. */
export async function saltSeed({ metadata, random }: Pick<Broker, 'metadata' | 'random'>): Promise<Uint8Array> {
  const { s } = await madeOnce(metadata, KEY, () => ({ s: random.bytes(SEED_BYTES) }));
  assert(s instanceof Uint8Array, 'the seed of salts is bytes');
  return s;
}
