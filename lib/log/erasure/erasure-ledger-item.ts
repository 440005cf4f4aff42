/**
 * How far an erasure has come in one ledger.
 *
 * Key: `erasure#<id>` / `ledger#<topicId>#<index, 5 digits>`. Attributes, each absent where it would be 0:
 *
 *     t          string   the topic's name
 *     p          number   the partition of slot 0
 *     c          number   partitions in the ledger
 *     e0..e15    number   of the slot: records below this offset are looked at; its next offset when it was asked for
 *     a0..a15    number   … and so far those below this one were
 *     r0..r15    number   records removed
 *     g0..g15    number   segments that held them
 *     s          boolean  all of it is done, or the topic is gone
 *     x          string   what keeps it from its end
 *
 * Numbers are added up and offsets only go up, so that two that carry out one erasure do no harm to each other.
 */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Changes, Item, ItemKey, Value, Write } from '../../kernel/items.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { type Erasure, erasureKey } from './erasure-item.ts';

export interface ErasureLedger {
  ledger: LedgerId;
  topic: string;
  slots: readonly ErasureSlot[];
  done: boolean;
  problem?: string;
}

export interface ErasureSlot {
  slot: number;
  partition: number;
  /** Records below are looked at. */
  end: number;
  /** Those below this offset were. */
  erasedTo: number;
  removed: number;
  segments: number;
}

const INDEX_DIGITS = 5;

/** A query between the two is for all ledgers of an erasure. */
export const ERASURE_LEDGERS_START = 'ledger#';
export const ERASURE_LEDGERS_END = 'ledger$';

/** The partition key of an erasure's ledgers. */
export function erasureLedgersKey(id: string): string {
  return `erasure#${id}`;
}

function erasureLedgerKey(id: string, { topicId, index }: LedgerId): ItemKey {
  return { pk: erasureLedgersKey(id), sk: `ledger#${topicId}#${String(index).padStart(INDEX_DIGITS, '0')}` };
}

export interface ErasureExtent {
  topic: string;
  firstPartition: number;
  /** By slot, as many as the ledger has partitions. */
  ends: readonly number[];
}

/**
 * The first that says how far it reaches is right. Once all ledgers are fixed, or the erasure was forgotten, none is
 * added: a topic that was made since then has nothing of it.
 */
export function planErasureLedger(
  { id, version }: Pick<Erasure, 'id' | 'version'>,
  ledger: LedgerId,
  extent: ErasureExtent,
): Write[] {
  const { topic, firstPartition, ends } = extent;
  assert(ends.length > 0 && ends.length <= topicLimits.partitionsPerLedgerMax, `${ends.length} partitions in a ledger`);
  const attributes: Attributes = { t: topic, p: firstPartition, c: ends.length };
  for (const [slot, end] of ends.entries()) if (end > 0) attributes[`e${slot}`] = end;
  return [
    { kind: 'put', key: erasureLedgerKey(id, ledger), attributes, conditions: [{ clause: 'item-absent' }] },
    { kind: 'check', key: erasureKey(id), conditions: [{ clause: 'equals', attribute: 'v', value: version }] },
  ];
}

export interface ErasureStep {
  slot: number;
  erasedTo: number;
  /** With these it is to be written once. */
  removed?: number;
  segments?: number;
}

export function planErasureStep(
  id: string,
  ledger: LedgerId,
  { slot, erasedTo, removed = 0, segments = 0 }: ErasureStep,
): Write {
  const changes = { set: { [`a${slot}`]: erasedTo }, add: { [`r${slot}`]: removed, [`g${slot}`]: segments } };
  return { kind: 'update', key: erasureLedgerKey(id, ledger), changes, conditions: [{ clause: 'item-exists' }] };
}

/** That all of it is done, or what keeps it from that. */
export function planErasureOutcome(id: string, ledger: LedgerId, outcome: { problem?: string }): Write {
  const { problem } = outcome;
  const changes: Changes = problem === undefined ? { set: { s: true }, remove: ['x'] } : { set: { x: problem } };
  return { kind: 'update', key: erasureLedgerKey(id, ledger), changes, conditions: [{ clause: 'item-exists' }] };
}

export function decodeErasureLedger({ key, attributes }: Item): ErasureLedger {
  const [, topicId, index] = /^ledger#([\w-]{22})#(\d{5})$/.exec(key.sk) ?? [];
  const { t, s, x } = attributes;
  assert(topicId !== undefined && typeof t === 'string', `${key.sk} is the key of an erasure's ledger`);
  const first = count(attributes, 'p');
  const slots = Array.from({ length: count(attributes, 'c') }, (_, slot) => ({
    slot,
    partition: first + slot,
    end: count(attributes, `e${slot}`),
    erasedTo: count(attributes, `a${slot}`),
    removed: count(attributes, `r${slot}`),
    segments: count(attributes, `g${slot}`),
  }));
  const ledger = { topicId, index: Number(index) };
  return { ledger, topic: t, slots, done: s === true, ...(typeof x === 'string' && { problem: x }) };
}

function count(attributes: Attributes, name: string): number {
  const value: Value = attributes[name] ?? 0;
  assert(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, `attribute ${name} is a count`);
  return value;
}
