/**
 * Objects that nothing refers to any more since the transaction that wrote this item, to be deleted when those who have read
 * an older state have had a grace to look again.
 *
 * Key: `ledger#<topicId>#<index>` / `condemned#<ms, 14 digits>#<8 hex digits>`: the time at which they were condemned, and
 * random digits. The oldest comes first. Attribute:
 *
 *     o   bytes   for each object, 15 bytes: tier u8 (0 inline, 1 segments, 2 merged) | object id
 */
import { assert } from '../../kernel/assert.ts';
import { ByteWriter } from '../../kernel/bytes.ts';
import { type LedgerId, OBJECT_ID_BYTES, type ObjectId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { ledgerKey } from '../ledger/head.ts';
import type { Tier } from '../segment/object-name.ts';
import { packObjectId, unpackObjectId } from './segment-item.ts';

export interface CondemnedObject {
  tier: Tier;
  object: ObjectId;
}

/** When, and 8 random hex digits: two steps of one moment must not meet in one key. */
export interface CondemnedAt {
  ms: number;
  random: string;
}

const PREFIX = 'condemned#';
const TIME_DIGITS = 14;
const TIERS: readonly Tier[] = ['inline', 'segments', 'merged'];
const ENTRY_BYTES = 1 + OBJECT_ID_BYTES;

/** A query between the two is for all condemned items of a ledger. */
export const CONDEMNED_START = PREFIX;
export const CONDEMNED_END = 'condemned$';

export function condemnedKey(ledger: LedgerId, { ms, random }: CondemnedAt): ItemKey {
  assert(/^[0-9a-f]{8}$/.test(random), `${random} is 8 hex digits`);
  return { pk: ledgerKey(ledger), sk: `${condemnedBefore(ms)}#${random}` };
}

/** What was condemned before this time sorts below it: the end of a query for what may be deleted. */
export function condemnedBefore(ms: number): string {
  assert(Number.isSafeInteger(ms) && ms >= 0 && ms < 10 ** TIME_DIGITS, `the time ${ms}`);
  return PREFIX + String(ms).padStart(TIME_DIGITS, '0');
}

export function isCondemnedKey({ sk }: ItemKey): boolean {
  return sk.startsWith(PREFIX);
}

/** When the objects of the item with this sort key were condemned. */
export function condemnedAtMs(sk: string): number {
  const time = /^condemned#(\d{14})#[0-9a-f]{8}$/.exec(sk)?.[1];
  assert(time !== undefined, `${sk} is the key of a condemned item`);
  return Number(time);
}

export function encodeCondemned(objects: readonly CondemnedObject[]): Attributes {
  assert(
    objects.length > 0 && objects.length <= mergingLimits.condemnedPerItemMax,
    `${objects.length} condemned objects`,
  );
  const writer = new ByteWriter(objects.length * ENTRY_BYTES);
  for (const { tier, object } of objects) writer.u8(TIERS.indexOf(tier)).bytes(packObjectId(object));
  return { o: writer.finish() };
}

export function decodeCondemned({ o }: Attributes): CondemnedObject[] {
  assert(o instanceof Uint8Array && o.length % ENTRY_BYTES === 0, 'a condemned item has whole entries');
  return Array.from({ length: o.length / ENTRY_BYTES }, (_, index) => {
    const entry = o.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES);
    const tier = TIERS[entry[0] as number];
    assert(tier !== undefined, `a condemned object has a tier, not ${entry[0]}`);
    return { tier, object: unpackObjectId(entry.subarray(1)) };
  });
}
