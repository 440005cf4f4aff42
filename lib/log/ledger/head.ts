/**
 * The ledger head: the whole truth about up to 16 partitions of a topic, in one small item.
 *
 * Key: `ledger#<topicId>#<index>` / `head`. Attributes have short names because DynamoDB bills them:
 *
 *     v        number   version, + 1 with every write; orders any two views of one head
 *     e        number   leader epoch
 *     i        number   version of the in-sync set
 *     n0..n15  number   next offset of the slot; absent = 0
 *     s0..s15  number   log start offset of the slot; absent = 0
 *     t        list     the tail: packed commits (see commit.ts) not yet moved into a page, oldest first
 *     r        list     ids of the tail's commits and of those of the last seals, oldest first
 *     c        list     how many of `r` belong to each of the last seals, oldest first; the rest are the tail's
 *     x        number   seals so far; pages 0 … x−1 were sealed
 *     m        number   pages 0 … m−1 are merged: their offsets are found in segments (lib/log/merged); absent = 0
 *     d        number   pages 0 … d−1 are needed by nobody and may be gone; absent = 0. d ≤ m ≤ x
 *     w        number   swept: no object born at or before this time (ms) can be committed any more
 *     b        number   bytes committed so far
 *     p<key>   bytes    the sequences of the producer with this key of 12 characters, packed as in
 *                       lib/coordination/producers/producer-state.ts; that of a producer which is not here is an item of
 *                       its own (producer-item.ts)
 *     q, k*, g          replicated ledgers only: who holds the ledger, and how far
 *                       (lib/coordination/replication/replica-state.ts)
 *     wake     number   the topic has triggers (lib/broker/triggers/wake.ts); absent = it has none
 *     l        number   replicated ledgers only: appends so far that a replica in sync did not hold when they were made;
 *                       absent = 0
 *
 * Nothing here grows without bound: the tail is sealed at 8 entries and full at 64, ids leave after K seals, and
 * producers leave for their own items.
 */

import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey, Value } from '../../kernel/items.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { type Commit, packCommit, unpackCommit } from './commit.ts';

export interface LedgerHead {
  version: number;
  epoch: number;
  isrVersion: number;
  /** 16 slots each. */
  next: readonly number[];
  start: readonly number[];
  tail: readonly Commit[];
  recent: readonly Uint8Array[];
  recentSealed: readonly number[];
  sealed: number;
  /** Pages below are merged. */
  merged: number;
  /** Pages below may be gone. At most `merged`. */
  retired: number;
  swept: number;
  bytes: number;
  /** Packed, by key. */
  producers: ReadonlyMap<string, Uint8Array>;
  /** As stored; `undefined` where the ledger has a single replica. */
  replication?: Attributes;
}

export function ledgerKey(ledger: LedgerId): string {
  return `ledger#${ledger.topicId}#${ledger.index}`;
}

/** The ledger whose items have this partition key. */
export function ledgerIdIn(pk: string): LedgerId {
  const [, topicId = '', index] = /^ledger#([^#]+)#(\d+)$/.exec(pk) ?? [];
  assert(index !== undefined, `${pk} is the key of a ledger`);
  return { topicId, index: Number(index) };
}

export function headKey(ledger: LedgerId): ItemKey {
  return { pk: ledgerKey(ledger), sk: 'head' };
}

export function isHead({ sk }: ItemKey): boolean {
  return sk === 'head';
}

const SLOTS = topicLimits.partitionsPerLedgerMax;

export function nextAttribute(slot: number): string {
  return `n${slot}`;
}

export function startAttribute(slot: number): string {
  return `s${slot}`;
}

export const MERGED_ATTRIBUTE = 'm';
export const RETIRED_ATTRIBUTE = 'd';

const PRODUCER_KEY_LENGTH = 12;
const PRODUCER_ATTRIBUTE_LENGTH = 1 + PRODUCER_KEY_LENGTH;

/**
 * Where a producer's sequences are in the head. A flat name: a path into a map would need the map's key to be there.
 */
export function producerAttribute(key: string): string {
  assert(key.length === PRODUCER_KEY_LENGTH, `the producer key ${key} has ${PRODUCER_KEY_LENGTH} characters`);
  return `p${key}`;
}

/** The head of a ledger that nothing was appended to. */
export function initialHead(replication?: Attributes): LedgerHead {
  return {
    ...(replication && { replication }),
    version: 0,
    epoch: 0,
    isrVersion: 0,
    next: Array<number>(SLOTS).fill(0),
    start: Array<number>(SLOTS).fill(0),
    tail: [],
    recent: [],
    recentSealed: [],
    sealed: 0,
    merged: 0,
    retired: 0,
    swept: 0,
    bytes: 0,
    producers: new Map(),
  };
}

export function encodeHead(head: LedgerHead): Attributes {
  const attributes: Attributes = {
    v: head.version,
    e: head.epoch,
    i: head.isrVersion,
    t: head.tail.map(packCommit),
    r: [...head.recent],
    c: [...head.recentSealed],
    x: head.sealed,
    w: head.swept,
    b: head.bytes,
  };
  for (let slot = 0; slot < SLOTS; slot++) {
    if (head.next[slot] !== 0) attributes[nextAttribute(slot)] = head.next[slot] as number;
    if (head.start[slot] !== 0) attributes[startAttribute(slot)] = head.start[slot] as number;
  }
  if (head.merged !== 0) attributes[MERGED_ATTRIBUTE] = head.merged;
  if (head.retired !== 0) attributes[RETIRED_ATTRIBUTE] = head.retired;
  for (const [key, packed] of head.producers) attributes[producerAttribute(key)] = packed;
  return Object.assign(attributes, head.replication);
}

/** Stores may give the same object for an item that has not changed. */
const decoded = new WeakMap<Attributes, LedgerHead>();

export function decodeHead(attributes: Attributes): LedgerHead {
  const known = decoded.get(attributes);
  if (known !== undefined) return known;
  const head = headIn(attributes);
  decoded.set(attributes, head);
  return head;
}

function headIn(attributes: Attributes): LedgerHead {
  const replication = replicationIn(attributes);
  return {
    ...(replication && { replication }),
    version: numberAt(attributes, 'v'),
    epoch: numberAt(attributes, 'e'),
    isrVersion: numberAt(attributes, 'i'),
    next: Array.from({ length: SLOTS }, (_, slot) => numberAt(attributes, nextAttribute(slot), 0)),
    start: Array.from({ length: SLOTS }, (_, slot) => numberAt(attributes, startAttribute(slot), 0)),
    tail: listAt(attributes, 't').map((entry) => unpackCommit(asBytes(entry))),
    recent: listAt(attributes, 'r').map(asBytes),
    recentSealed: listAt(attributes, 'c').map((count) => {
      assert(typeof count === 'number', 'head.c holds numbers');
      return count;
    }),
    sealed: numberAt(attributes, 'x'),
    merged: numberAt(attributes, MERGED_ATTRIBUTE, 0),
    retired: numberAt(attributes, RETIRED_ATTRIBUTE, 0),
    swept: numberAt(attributes, 'w'),
    bytes: numberAt(attributes, 'b'),
    producers: producersIn(attributes),
  };
}

function producersIn(attributes: Attributes): Map<string, Uint8Array> {
  const producers = new Map<string, Uint8Array>();
  for (const name of Object.keys(attributes)) {
    if (name.length !== PRODUCER_ATTRIBUTE_LENGTH || !name.startsWith('p')) continue;
    producers.set(name.slice(1), asBytes(attributes[name] as Value));
  }
  return producers;
}

function replicationIn(attributes: Attributes): Attributes | undefined {
  if (attributes['q'] === undefined) return undefined;
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => /^(q|g|l|k\d)$/.test(name)));
}

/** Not part of `LedgerHead`: no decision about the ledger depends on it. */
export const WAKE_ATTRIBUTE = 'wake';

/** See `l`. */
export const GAPS_ATTRIBUTE = 'l';

/**
 * Appends so far that left a gap in a replica in sync. Between two heads with the same epoch, in-sync set and number,
 * all that was appended is held by every replica in sync.
 */
export function gapsOf({ replication }: LedgerHead): number {
  return replication === undefined ? 0 : numberAt(replication, GAPS_ATTRIBUTE, 0);
}

function numberAt(attributes: Attributes, name: string, absent?: number): number {
  const value = attributes[name] ?? absent;
  assert(typeof value === 'number', `ledger attribute ${name} is a number`);
  return value;
}

function listAt(attributes: Attributes, name: string): Value[] {
  const value = attributes[name];
  assert(Array.isArray(value), `ledger attribute ${name} is a list`);
  return value;
}

function asBytes(value: Value): Uint8Array {
  assert(value instanceof Uint8Array, 'the list holds bytes');
  return value;
}

/** The offset at which the tail begins for a slot; what lies below is in pages. */
export function tailStart(head: LedgerHead, slot: number): number {
  let offset = head.next[slot] as number;
  for (const commit of head.tail) offset -= recordsOf(commit, slot);
  return offset;
}

export function recordsOf(commit: Commit, slot: number): number {
  return commit.runs.find((run) => run.slot === slot)?.records ?? 0;
}
