/**
 * How far the storage lifecycle of a ledger has come (docs/lifecycle.md).
 *
 * Key: `ledger#<topicId>#<index>` / `lifecycle`. A ledger of which nothing was ever merged or swept has none. Attributes,
 * each absent where it would be 0 or empty:
 *
 *     v          number   version of the ledger's segments: + 1 with every write that changes one, and the condition of it
 *     w          number   swept: no segment object born at or before this time (ms) can be committed any more
 *     k          bytes    marks: when merging had come how far (marks.ts)
 *     r          number   pages 0 … r−1 are done with: what only they needed is deleted, and they are to be. r ≤ the head's d
 *     h, u       string, number   who is at work on the ledger, and until when (ms). Advice: nothing depends on it
 *     c0..c15    number   compaction of the slot: the first offset that was never compacted
 *     f0..f15    number   when the slot was last compacted (ms)
 *     e0..e15    number   of a pass over the slot that is under way: where the range ends that begins at c, and …
 *     p0..p15    number   … below which offset everything is cleaned
 */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Changes, ItemKey, Value } from '../../kernel/items.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { ledgerKey } from '../ledger/head.ts';
import { type Mark, unpackMarks } from './marks.ts';

export interface Lifecycle {
  version: number;
  swept: number;
  marks: readonly Mark[];
  /** Of pages below all that only they needed is deleted, and they are to be. */
  deleted: number;
  lease?: LifecycleLease;
  /** By slot; those that were never compacted are not there. */
  compacted: ReadonlyMap<number, CompactionProgress>;
}

export interface LifecycleLease {
  holder: string;
  untilMs: number;
}

export interface CompactionProgress {
  /** The first offset that was never compacted. */
  dirtyFrom: number;
  /** When the slot was last compacted. */
  atMs: number;
  /** Absent: none is under way. */
  pass?: CompactionPass;
}

/** A pass of compaction that has begun and not come to its end (lib/log/compaction/plan.ts). */
export interface CompactionPass {
  /** Its range is from `dirtyFrom` up to here. */
  end: number;
  /** Everything below was cleaned with the keys of that range, or more. */
  cleanedTo: number;
}

export function lifecycleKey(ledger: LedgerId): ItemKey {
  return { pk: ledgerKey(ledger), sk: 'lifecycle' };
}

/** `undefined`: there is no item. */
export function decodeLifecycle(attributes: Attributes | undefined): Lifecycle {
  const at = attributes ?? {};
  const { h, k } = at;
  assert(h === undefined || typeof h === 'string', 'lifecycle attribute h is text');
  assert(k === undefined || k instanceof Uint8Array, 'lifecycle attribute k is bytes');
  const compacted = new Map<number, CompactionProgress>();
  for (let slot = 0; slot < topicLimits.partitionsPerLedgerMax; slot++) {
    const [dirtyFrom, atMs] = [numberAt(at, `c${slot}`), numberAt(at, `f${slot}`)];
    if (dirtyFrom === 0 && atMs === 0) continue;
    const pass = { end: numberAt(at, `e${slot}`), cleanedTo: numberAt(at, `p${slot}`) };
    compacted.set(slot, { dirtyFrom, atMs, ...(pass.end > 0 && { pass }) });
  }
  return {
    version: numberAt(at, 'v'),
    swept: numberAt(at, 'w'),
    marks: k === undefined ? [] : unpackMarks(k),
    deleted: numberAt(at, 'r'),
    ...(h !== undefined && { lease: { holder: h, untilMs: numberAt(at, 'u') } }),
    compacted,
  };
}

/** What an update of it changes. */
export function compactionChanges(compacted: ReadonlyMap<number, CompactionProgress>) {
  const set: Attributes = {};
  const remove: string[] = [];
  for (const [slot, { dirtyFrom, atMs, pass }] of compacted) {
    assert(slot >= 0 && slot < topicLimits.partitionsPerLedgerMax, `slot ${slot}`);
    set[`c${slot}`] = dirtyFrom;
    set[`f${slot}`] = atMs;
    if (pass === undefined) remove.push(`e${slot}`, `p${slot}`);
    else Object.assign(set, { [`e${slot}`]: pass.end, [`p${slot}`]: pass.cleanedTo });
  }
  return { set, remove } satisfies Changes;
}

function numberAt(attributes: Attributes, name: string): number {
  const value: Value = attributes[name] ?? 0;
  assert(typeof value === 'number', `lifecycle attribute ${name} is a number`);
  return value;
}
