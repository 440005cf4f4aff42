/**
 * Producer ids that are handed out: Kafka's 64-bit numbers, kept to those that JSON can carry.
 *
 * How far they are given out, `producers` / `ids`; a process takes a block of them at a time, so that most are handed out
 * without a write of it, and numbers of a block that a process did not use are lost:
 *
 *     n           number   the next block begins here
 *
 * One that was handed out, `producer-id#<id>` / `state`:
 *
 *     principal   string   whom it was handed out to; empty where nobody is asked who they are
 *     epoch       number   the newest epoch that was handed out with it
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, ItemKey, Write } from '../../kernel/items.ts';

export interface HandedOut {
  principal: string;
  epoch: number;
}

/** Kafka's epochs are 16 bits, and it gives a new id before they end. */
export const PRODUCER_EPOCH_MAX = 32_767;

const BLOCKS: ItemKey = { pk: 'producers', sk: 'ids' };

/** Takes `count` ids; the item after it says which (`blockEnd`). Safe to repeat: it takes others then. */
export function planBlock(count: number): Write {
  return { kind: 'update', key: BLOCKS, changes: { add: { n: count } } };
}

/** One past the last id of the block that the write took. */
export function blockEnd(attributes: Attributes): number {
  const { n } = attributes;
  assert(typeof n === 'number', 'the item of producer ids has n');
  return n;
}

export function producerIdKey(id: number): ItemKey {
  return { pk: `producer-id#${id}`, sk: 'state' };
}

export function encodeProducerId({ principal, epoch }: HandedOut): Attributes {
  return { principal, epoch };
}

export function decodeProducerId(attributes: Attributes): HandedOut {
  const { principal, epoch } = attributes;
  assert(typeof principal === 'string' && typeof epoch === 'number', 'a producer id has a principal and an epoch');
  return { principal, epoch };
}

/** Hands out a fresh id. */
export function planHandOut(id: number, principal: string): Write {
  return {
    kind: 'put',
    key: producerIdKey(id),
    attributes: encodeProducerId({ principal, epoch: 0 }),
    conditions: [{ clause: 'item-absent' }],
  };
}

/** Raises the epoch by one, if it is still `epoch`. */
export function planNextEpoch(id: number, epoch: number): Write {
  return {
    kind: 'update',
    key: producerIdKey(id),
    changes: { set: { epoch: epoch + 1 } },
    conditions: [{ clause: 'equals', attribute: 'epoch', value: epoch }],
  };
}
