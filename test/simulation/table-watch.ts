/**
 * Looks at the shared table itself, right after each write of it: what every reader could see from then on. No process and
 * no fault is between the table and the watch.
 */
import { highWatermark } from '../../lib/broker/ledger/replicated.ts';
import {
  decodeOffsets,
  OFFSETS_PER_ITEM,
  OFFSETS_PREFIX,
  parseOffsetsKey,
} from '../../lib/coordination/groups/offsets-item.ts';
import type { Attributes, ItemKey } from '../../lib/kernel/items.ts';
import { limits } from '../../lib/kernel/limits.ts';
import { decodeHead, nextAttribute } from '../../lib/log/ledger/head.ts';
import { producerItemKey } from '../../lib/log/ledger/producer-item.ts';
import type { History } from './history.ts';

/** Notes what one write, of one or several items, has made of them. */
export function watchTable(history: History): (written: readonly WrittenItem[]) => void {
  const withItem = new Set<string>();
  return (written) => {
    const moment = history.tick();
    const { steps, moves } = history.producers;
    for (const { key, item } of written) {
      if (isProducerItem(key)) {
        const name = `${key.pk}/${key.sk}`;
        if (item === undefined && withItem.delete(name)) moves.back++;
        if (item !== undefined && !withItem.has(name)) moves.out++;
        if (item !== undefined) withItem.add(name);
      }
      if (item === undefined) continue;
      if (key.sk === 'head') {
        const next = visibleEnds(item);
        steps.push({ kind: 'head', moment, ledger: key.pk.slice('ledger#'.length), next });
      } else if (key.sk.startsWith(OFFSETS_PREFIX)) {
        noteOffsets(steps, moment, key, item);
      }
    }
  };
}

export interface WrittenItem {
  key: ItemKey;
  item: Attributes | undefined;
}

/** By slot, one past the last offset that readers see. */
function visibleEnds(item: Attributes): number[] {
  const slots = Array.from({ length: limits.partitionsPerLedgerMax }, (_, slot) => slot);
  if (item['q'] === undefined) return slots.map((slot) => (item[nextAttribute(slot)] as number | undefined) ?? 0);
  const head = decodeHead(item);
  return slots.map((slot) => highWatermark(head, slot));
}

function noteOffsets(steps: History['producers']['steps'], moment: number, key: ItemKey, item: Attributes): void {
  const { index } = parseOffsetsKey(key.sk);
  const { topic, slots } = decodeOffsets(item);
  for (const [slot, committed] of slots.entries()) {
    if (committed === undefined) continue;
    const partition = index * OFFSETS_PER_ITEM + slot;
    const { offset, metadata: name = '' } = committed;
    steps.push({ kind: 'offset', moment, group: key.pk.slice('group#'.length), topic, partition, offset, name });
  }
}

/** What the sort keys of all producers' items begin with. */
export const PRODUCER_ITEMS = producerItemKey({ topicId: '', index: 0 }, '').sk;

export function isProducerItem({ sk }: ItemKey): boolean {
  return sk.startsWith(PRODUCER_ITEMS);
}
