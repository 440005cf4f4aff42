/** Items that whoever asks first makes, and that stay the same ever after. */
import { assert } from '../kernel/assert.ts';
import type { Attributes, ItemKey } from '../kernel/items.ts';
import type { MetadataStore } from '../storage/metadata/port.ts';

/** What all who ask at the same time are answered with: one of them has made it. */
export async function madeOnce(metadata: MetadataStore, key: ItemKey, make: () => Attributes): Promise<Attributes> {
  const known = await metadata.get(key, 'strong');
  if (known !== undefined) return known;
  await metadata.write([{ kind: 'put', key, attributes: make(), conditions: [{ clause: 'item-absent' }] }]);
  const made = await metadata.get(key, 'strong');
  assert(made !== undefined, 'what was made once is there');
  return made;
}
