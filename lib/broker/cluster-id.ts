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

const KEY: ItemKey = { pk: 'cluster', sk: 'id' };

export async function clusterId({ metadata, random }: Pick<Broker, 'metadata' | 'random'>): Promise<string> {
  const known = await metadata.get(KEY, 'strong');
  if (known !== undefined) return idOf(known);
  await metadata.write([
    { kind: 'put', key: KEY, attributes: { i: newTopicId(random) }, conditions: [{ clause: 'item-absent' }] },
  ]);
  const made = await metadata.get(KEY, 'strong');
  assert(made !== undefined, 'the cluster has an id');
  return idOf(made);
}

function idOf({ i }: Record<string, unknown>): string {
  assert(typeof i === 'string', 'the id of the cluster is text');
  return i;
}
