/**
 * An erasure: one subject's records are to be taken out of topics (docs/erasure.md).
 *
 * Key: `erasures` / `<id>`: 20 hex digits, of which the first 12 are when it was asked for, so that the oldest comes first.
 * Attributes:
 *
 *     v   number   version, + 1 with every change, and the condition of each
 *     s   string   state: fixing (how far it reaches), erasing (merging and rewriting), clearing (deleting), done
 *     t   list     names of topics; or
 *     p   string   a pattern of them
 *     k   bytes    the key of the records; or
 *     n   string   the name of a header, and
 *     h   bytes    its value. `k` and `h` go when the erasure is done: then nothing says any more who it was
 *     f   number   when it was fixed how far it reaches, ms
 *     e   number   when the last segment was rewritten, ms
 *     w   number   clearing: when to look again, ms
 *     l   boolean  clearing: the round through all ledgers has found something that must wait
 *     o   number   objects deleted
 *     x   string   what keeps it from its end
 *     d   number   when it was done, ms
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, Changes, ItemKey, Value, Write } from '../../kernel/items.ts';
import type { Subject } from './erase.ts';

export type ErasureTopics = { names: readonly string[] } | { pattern: string };

export type ErasureState = 'fixing' | 'erasing' | 'clearing' | 'done';

/** What is said of the subject when it is forgotten: a header's name is not one's own. */
export type ErasureMatch = { kind: 'key' } | { kind: 'header'; name: string };

export interface Erasure {
  id: string;
  version: number;
  state: ErasureState;
  topics: ErasureTopics;
  match: ErasureMatch;
  /** Until it is done. */
  subject?: Subject;
  /** When it was fixed how far it reaches: what it is about was stored by then. */
  fixedMs?: number;
  /** When the last segment was rewritten. */
  erasedMs?: number;
  /** When to look again. */
  nextMs: number;
  /** The round through all ledgers has found something that must wait. */
  left: boolean;
  objectsDeleted: number;
  problem?: string;
  doneMs?: number;
}

/** The partition key of all of them. */
export const ERASURES = 'erasures';

const ID = /^[0-9a-f]{20}$/;
const TIME_DIGITS = 12;

export function erasureId(createdMs: number, random: string): string {
  const id = createdMs.toString(16).padStart(TIME_DIGITS, '0') + random;
  assert(ID.test(id), `${id} is the id of an erasure`);
  return id;
}

export function isErasureId(text: string): boolean {
  return ID.test(text);
}

/** When it was asked for. */
export function erasureCreatedMs({ id }: Pick<Erasure, 'id'>): number {
  return Number.parseInt(id.slice(0, TIME_DIGITS), 16);
}

export function erasureKey(id: string): ItemKey {
  return { pk: ERASURES, sk: id };
}

export function planErasure(id: string, topics: ErasureTopics, subject: Subject): Write {
  const attributes: Attributes = {
    v: 1,
    s: 'fixing',
    ...('names' in topics ? { t: [...topics.names] } : { p: topics.pattern }),
    ...(subject.kind === 'key' ? { k: subject.key } : { n: subject.name, h: subject.value }),
  };
  return { kind: 'put', key: erasureKey(id), attributes, conditions: [{ clause: 'item-absent' }] };
}

export interface ErasureChanges {
  state?: 'erasing' | 'clearing' | 'done';
  fixedMs?: number;
  erasedMs?: number;
  nextMs?: number;
  left?: boolean;
  /** `null`: there is none any more. */
  problem?: string | null;
  objectsDeleted?: number;
  doneMs?: number;
}

/** If it is as it was read. An erasure that is done forgets its subject. */
export function planErasureChange(erasure: Erasure, changes: ErasureChanges): Write {
  const set: Attributes = {};
  const remove: string[] = [];
  const put = (name: string, value: Value | null | undefined) => {
    if (value === null) remove.push(name);
    else if (value !== undefined) set[name] = value;
  };
  put('s', changes.state);
  put('f', changes.fixedMs);
  put('e', changes.erasedMs);
  put('w', changes.nextMs);
  put('l', changes.left);
  put('x', changes.problem);
  put('d', changes.doneMs);
  if (changes.state === 'done') remove.push('k', 'h');
  const applied: Changes = { set, remove, add: { v: 1, o: changes.objectsDeleted ?? 0 } };
  const conditions: Write['conditions'] = [{ clause: 'equals', attribute: 'v', value: erasure.version }];
  return { kind: 'update', key: erasureKey(erasure.id), changes: applied, conditions };
}

export function decodeErasure(id: string, attributes: Attributes): Erasure {
  const { v, s, t, p, n, f, e, l, o = 0, w = 0, x, d } = attributes;
  assert(typeof v === 'number' && typeof o === 'number' && typeof w === 'number', `the erasure ${id} has its numbers`);
  assert(s === 'fixing' || s === 'erasing' || s === 'clearing' || s === 'done', `the erasure ${id} has a state`);
  assert(typeof p === 'string' || Array.isArray(t), `the erasure ${id} has topics`);
  const subject = subjectIn(attributes);
  return {
    id,
    version: v,
    state: s,
    topics: typeof p === 'string' ? { pattern: p } : { names: (t as Value[]).map(String) },
    match: typeof n === 'string' ? { kind: 'header', name: n } : { kind: 'key' },
    ...(subject !== undefined && { subject }),
    ...(typeof f === 'number' && { fixedMs: f }),
    ...(typeof e === 'number' && { erasedMs: e }),
    nextMs: w,
    left: l === true,
    objectsDeleted: o,
    ...(typeof x === 'string' && { problem: x }),
    ...(typeof d === 'number' && { doneMs: d }),
  };
}

function subjectIn({ k, n, h }: Attributes): Subject | undefined {
  if (k instanceof Uint8Array) return { kind: 'key', key: k };
  if (typeof n === 'string' && h instanceof Uint8Array) return { kind: 'header', name: n, value: h };
  return undefined;
}
