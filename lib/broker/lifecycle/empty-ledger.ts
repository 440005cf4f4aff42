/**
 * Deletes all that a ledger of a deleted topic has: the objects that its items name, then the items, and at last the
 * grave. An item goes after the objects that it names, so that whoever goes on after a crash finds what is left.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import type { Item } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { decodeBundleItem, isBundleKey } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import { graveKey, isGrave } from '../../log/ledger/grave.ts';
import { decodeHead, isHead, ledgerKey } from '../../log/ledger/head.ts';
import { decodePage, isPageKey, pageSequence } from '../../log/ledger/page.ts';
import { type CondemnedObject, decodeCondemned, isCondemnedKey } from '../../log/merged/condemned-item.ts';
import { decodeSegmentItem, parseSegmentKey, partitionKey } from '../../log/merged/segment-item.ts';
import { discard } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';
import { deleteObjects, deleteStored } from './delete-objects.ts';

export interface Emptied {
  /** Whether nothing is left. */
  done: boolean;
  objects: number;
  items: number;
}

/**
 * `partitions`: those of the topic that are in the ledger. Ends early, between two pages of items, once `isOver` says
 * so.
 */
export async function emptyLedger(
  broker: Broker,
  { ledger, partitions }: { ledger: LedgerId; partitions: readonly number[] },
  isOver: () => boolean,
): Promise<Emptied> {
  const sum: Emptied = { done: false, objects: 0, items: 0 };
  // Segments before the ledger's own items: these say, as long as they are there, that something is left.
  const keys = [...partitions.map((partition) => partitionKey(ledger.topicId, partition)), ledgerKey(ledger)];
  for (const pk of keys) {
    let from: string | undefined;
    do {
      if (isOver()) return sum;
      const page = await broker.metadata.query({
        pk,
        ...(from !== undefined && { from }),
        limit: storageLimits.transactionItemsMax,
        consistency: 'strong',
      });
      const items = await clear(broker, page.items);
      sum.objects += items.objects;
      sum.items += items.items;
      from = page.next;
    } while (from !== undefined);
  }
  await writeRepeatedly(broker.metadata, [discard(graveKey(ledger))]);
  return { ...sum, done: true };
}

async function clear(broker: Broker, items: readonly Item[]): Promise<Pick<Emptied, 'objects' | 'items'>> {
  let objects = await deleteObjects(broker, items.flatMap(commitsIn));
  objects += await deleteStored(broker, items.flatMap(ownObjects));
  // A head would mean that the topic is there after all: it is not for this to take it away.
  const rest = items.filter(({ key }) => !isGrave(key) && !isHead(key));
  // One by one: a transaction would cost twice the write units.
  await mapBounded(rest, storageLimits.storageFanOutMax, ({ key }) => writeRepeatedly(broker.metadata, [discard(key)]));
  return { objects, items: rest.length };
}

/** Objects that the item names and that are the ledger's alone. */
function ownObjects(item: Item): CondemnedObject[] {
  if (isCondemnedKey(item.key)) return decodeCondemned(item.attributes);
  if (parseSegmentKey(item.key) === undefined) return [];
  return [{ tier: 'merged', object: decodeSegmentItem(item).object }];
}

/**
 * Commits that the item names; a bundle's commits are in its own items, whether its entry came into the ledger or not.
 */
function commitsIn({ key, attributes }: Item): readonly Commit[] {
  if (isGrave(key)) return decodeHead(attributes).tail;
  if (isPageKey(key)) return decodePage(pageSequence(key), attributes).commits;
  return isBundleKey(key) ? decodeBundleItem(attributes) : [];
}
