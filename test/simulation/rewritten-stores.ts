/** Metadata stores that do something else than they are told, for planted bugs. */
import type { Condition, Write } from '../../lib/kernel/items.ts';
import type { MetadataStore, WriteResult } from '../../lib/storage/metadata/port.ts';

export function rewriting(rewrite: (write: Write) => Write): (store: MetadataStore) => MetadataStore {
  return (store) => ({ ...store, write: (writes) => store.write(writes.map(rewrite)) });
}

export function leavingOut(
  drop: (write: Write, all: readonly Write[]) => boolean,
): (store: MetadataStore) => MetadataStore {
  return (store) => ({ ...store, write: (writes) => writeWithout(store, writes, (write) => drop(write, writes)) });
}

/** Writes all but those; a refusal still names its write by the place among all. */
export async function writeWithout(
  store: Pick<MetadataStore, 'write'>,
  writes: readonly Write[],
  drop: (write: Write) => boolean,
): Promise<WriteResult> {
  const kept = writes.filter((write) => !drop(write));
  if (kept.length === 0) return { outcome: 'applied' };
  const result = await store.write(kept);
  // What was to be a transaction does not return what it made of an item.
  if (result.outcome === 'applied') return writes.length > 1 ? { outcome: 'applied' } : result;
  return { ...result, index: writes.indexOf(kept[result.index] as Write) };
}

export function withoutConditions(write: Write, drop: (condition: Condition) => boolean = () => true): Write {
  return { ...write, conditions: (write.conditions ?? []).filter((condition) => !drop(condition)) };
}
