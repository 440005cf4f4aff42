/** Planted bugs of idempotent producers and of transactions; see plants.ts. */
import { groupKey } from '../../lib/coordination/groups/offsets-item.ts';
import { packProducer, unpackProducer } from '../../lib/coordination/producers/producer-state.ts';
import { transactionalPartitionKey } from '../../lib/coordination/transactions/transactional-item.ts';
import { assert } from '../../lib/kernel/assert.ts';
import type { Attributes, Condition, Write } from '../../lib/kernel/items.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import type { Plant } from './plants.ts';
import { leavingOut, rewriting, withoutConditions, writeWithout } from './rewritten-stores.ts';
import { delegating } from './stores.ts';
import { isProducerItem, isTransactionalState, PRODUCER_ITEMS } from './table-watch.ts';

export const producerPlants = {
  'producer-epoch-unchecked': {
    about: "keeps a producer's sequences without the epoch that they are of",
    metadata: rewriting(withoutEpochs),
  },
  'sequence-unchecked': {
    about: 'appends whatever a producer has written since the writer looked',
    metadata: (store) =>
      rewriting((write) => (write.key.sk === 'head' ? withoutConditions(write, isOfProducer) : write))(
        withoutItemConditions(store),
      ),
  },
  'eviction-forgets': {
    about: 'takes producers out of the head without giving them an item of their own',
    metadata: leavingOut(
      ({ kind, key }, all) =>
        kind === 'put' && isProducerItem(key) && removedFromHead(all).has(key.sk.slice(PRODUCER_ITEMS.length)),
    ),
  },
  'absent-from-head-is-new': {
    about: 'takes a producer that is not in the head for one that nobody has seen',
    metadata: (store) => ({
      ...withoutItemConditions(store),
      get: async (key, consistency) => {
        const item = await store.get(key, consistency);
        return isProducerItem(key) ? undefined : item;
      },
    }),
  },
  'ledger-beside-transaction': {
    about: 'leaves one ledger out of the atomic write of a transaction, and writes it right afterwards',
    table: (table, { scheduler, process }) => ({
      ...delegating(table),
      write: async (writes) => {
        const appends = writes.filter(isAppend);
        const last = appends.at(-1);
        if (last === undefined || appends.length < 2) return table.write(writes);
        const result = await writeWithout(table, writes, (write) => write === last);
        if (result.outcome === 'applied') {
          // Before any answer can be there: the program itself never misses it.
          scheduler.schedule(process, 0.1, () => {
            void scheduler.within(() => table.write([withoutConditions(last)]));
          });
        }
        return result;
      },
    }),
  },
  'offsets-left-out': {
    about: 'commits transactions without their offsets',
    metadata: leavingOut(({ kind, key }) => kind === 'update' && key.pk.startsWith(groupKey(''))),
  },
  'fence-ignored': {
    about: 'commits a transaction although its id was taken over after it was begun',
    metadata: rewriting((write) => {
      const commits = write.kind === 'put' && write.attributes['s'] === 'committed';
      return commits && write.key.pk.startsWith(transactionalPartitionKey('')) ? withoutConditions(write) : write;
    }),
  },
  'epoch-beside-end': {
    about: 'gives a producer its next epoch right after the write that ends its transaction, in place of with it',
    table: (table, { scheduler, process }) => ({
      ...delegating(table),
      write: async (writes) => {
        const end = writes.find(raisesEpoch);
        if (end === undefined) return table.write(writes);
        const result = await table.write(writes.map((write) => (write === end ? withoutNextEpoch(end) : write)));
        if (result.outcome === 'applied') {
          scheduler.schedule(process, 0.1, () => {
            void scheduler.within(() => table.write([withoutConditions(end)]));
          });
        }
        return result;
      },
    }),
  },
  'end-forgets-who-asked': {
    about: 'gives a producer its next epoch, and takes it for another one when it asks for the end once more',
    metadata: rewriting((write) => {
      if (!raisesEpoch(write)) return write;
      const { q: _id, z: _epoch, ...attributes } = write.attributes;
      return { ...write, attributes };
    }),
  },
} as const satisfies Record<string, Plant>;

function raisesEpoch(write: Write): write is Write & { kind: 'put' } {
  return write.kind === 'put' && isTransactionalState(write.key) && write.attributes['l'] !== undefined;
}

/** The end of the transaction, which leaves the producer as it was. */
function withoutNextEpoch(end: Write & { kind: 'put' }): Write {
  const { l: number, q: id, z: epoch, e, ...rest } = end.attributes;
  assert(number !== undefined && id !== undefined, 'an end that raises the epoch says what was before');
  const was = { e: Number(e) - 1, n: number, p: id, o: Number(e) - 1 - Number(epoch) };
  return { ...end, attributes: { ...rest, ...was } };
}

/** Whatever the items of producers are by now. */
function withoutItemConditions(store: MetadataStore): MetadataStore {
  const unchecked = leavingOut(({ kind, key }) => kind === 'check' && isProducerItem(key))(store);
  return rewriting((write) => (isProducerItem(write.key) ? withoutConditions(write) : write))(unchecked);
}

/** Of a head, the attributes of producers are `p` and their key. */
function isProducerAttribute(name: string): boolean {
  return name.startsWith('p');
}

function isOfProducer(condition: Condition): boolean {
  return 'attribute' in condition && isProducerAttribute(condition.attribute);
}

function removedFromHead(writes: readonly Write[]): Set<string> {
  const removed = writes.flatMap((write) =>
    write.kind === 'update' && write.key.sk === 'head' ? (write.changes.remove ?? []) : [],
  );
  return new Set(removed.filter(isProducerAttribute).map((name) => name.slice(1)));
}

function isAppend(write: Write): boolean {
  return write.kind === 'update' && write.key.sk === 'head' && write.changes.append?.['t'] !== undefined;
}

function withoutEpochs(write: Write): Write {
  if (write.kind === 'put' && isProducerItem(write.key)) {
    return { ...write, attributes: forgotten(write.attributes, () => true) };
  }
  if (write.kind !== 'update' || write.key.sk !== 'head' || write.changes.set === undefined) return write;
  return { ...write, changes: { ...write.changes, set: forgotten(write.changes.set, isProducerAttribute) } };
}

function forgotten(attributes: Attributes, isProducer: (name: string) => boolean): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => {
      if (!isProducer(name) || !(value instanceof Uint8Array)) return [name, value];
      const { lastMs, slots } = unpackProducer(value);
      const without = new Map([...slots].map(([slot, sequences]) => [slot, { ...sequences, epoch: 0 }]));
      return [name, packProducer({ lastMs, slots: without })];
    }),
  );
}
