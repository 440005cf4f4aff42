/**
 * The id of the cluster that a table holds, for clients that ask which cluster they talk to: made by whoever is asked
 * first, and the same ever after.
 *
 * Item: `cluster` / `id`, with `i`: the id, a random UUID in Kafka's text form.
 */
import { assert } from '../kernel/assert.ts';
import { newTopicId } from '../kernel/ids.ts';
import type { ItemKey } from '../kernel/items.ts';
import type { Broker } from './broker.ts';
import { madeOnce } from './made-once.ts';

const KEY: ItemKey = { pk: 'cluster', sk: 'id' };

export async function clusterId({ metadata, random }: Pick<Broker, 'metadata' | 'random'>): Promise<string> {
  const { i } = await madeOnce(metadata, KEY, () => ({ i: newTopicId(random) }));
  assert(typeof i === 'string', 'the id of the cluster is text');
  return i;
}
