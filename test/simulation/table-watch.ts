/**
 * Looks at the shared table itself, right after each write of it: what every reader could see from then on. No process
 * and no fault is between the table and the watch.
 */
import { highWatermark } from '../../lib/broker/ledger/replicated.ts';
import {
  decodeOffsets,
  OFFSETS_PER_ITEM,
  OFFSETS_PREFIX,
  parseOffsetsKey,
} from '../../lib/coordination/groups/offsets-item.ts';
import { producerOf } from '../../lib/coordination/transactions/producer.ts';
import {
  decodeTransactional,
  type TransactionalState,
  transactionalPartitionKey,
} from '../../lib/coordination/transactions/transactional-item.ts';
import type { Attributes, ItemKey } from '../../lib/kernel/items.ts';
import { topicLimits } from '../../lib/kernel/limits/topics.ts';
import { decodeHead, nextAttribute } from '../../lib/log/ledger/head.ts';
import { producerItemKey } from '../../lib/log/ledger/producer-item.ts';
import type { History } from './history.ts';

/** Notes what one write, of one or several items, has made of them. */
export function watchTable(history: History): (written: readonly WrittenItem[]) => void {
  const withItem = new Set<string>();
  const states = new Map<string, TransactionalState>();
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
      } else if (isTransactionalState(key)) {
        const state = decodeTransactional(item);
        noteEpoch(history, { moment, key, before: states.get(key.pk), state });
        states.set(key.pk, state);
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
  const slots = Array.from({ length: topicLimits.partitionsPerLedgerMax }, (_, slot) => slot);
  if (item['q'] === undefined) return slots.map((slot) => (item[nextAttribute(slot)] as number | undefined) ?? 0);
  const head = decodeHead(item);
  return slots.map((slot) => highWatermark(head, slot));
}

/**
 * Where the epoch of a transactional id has gone up: by the end of a transaction, or because somebody took the id over.
 */
function noteEpoch({ producers: { raises, takeovers } }: History, { moment, key, before, state }: EpochChange): void {
  if (before === undefined || before.epoch >= state.epoch) return;
  const transactionalId = key.pk.slice(transactionalPartitionKey('').length);
  const [was, is] = [producerOf(before), producerOf(state)];
  if (state.endedNumber === undefined || was === undefined || is === undefined) {
    takeovers.push({ moment, transactionalId, epoch: state.epoch });
  } else {
    const as = state.status === 'committed' ? 'commit' : 'abort';
    raises.push({ moment, transactionalId, as, before: was, after: is });
  }
}

interface EpochChange {
  moment: number;
  key: ItemKey;
  before: TransactionalState | undefined;
  state: TransactionalState;
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

export function isTransactionalState({ pk, sk }: ItemKey): boolean {
  return pk.startsWith(transactionalPartitionKey('')) && sk === 'state';
}

/** What the sort keys of all producers' items begin with. */
export const PRODUCER_ITEMS = producerItemKey({ topicId: '', index: 0 }, '').sk;

export function isProducerItem({ sk }: ItemKey): boolean {
  return sk.startsWith(PRODUCER_ITEMS);
}
