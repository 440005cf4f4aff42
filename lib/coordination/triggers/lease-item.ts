/**
 * The lease of a trigger on a partition: who delivers it, how far each lane has come, and what is due when.
 *
 * Key: `lease#<group>` / `<topicId>#<partition as 5 digits>`. Attributes:
 *
 *     t   string  the topic's name
 *     g   string  the trigger's name
 *     e   number  epoch: + 1 with every taking. A new item begins at the time of its making, so that an epoch of one that was
 *                 deleted does not come back
 *     v   number  version: + 1 with every write but those of `w`. With `e` the condition of the holder's writes
 *     h   string  who holds it, for people; absent = it is free
 *     u   number  held until, ms; 0 = it is free
 *     w   number  one past the newest offset that any wake-up wanted
 *     c   number  the offset that the lanes and the window are of: as the holder found it, or committed it last; absent = none
 *     l   list    of maps, the lanes, by number:
 *                   n next: all its records below are done
 *                   b list of numbers, where batches end that halving has left, the innermost last; absent = none
 *                   a attempts of the first batch that failed; u those of which nobody heard the end; absent = 0
 *                   e true: those attempts are of the end of a window; absent = of the first batch
 *                   p pauses in a row without an attempt (throttled, refused, its destination failed); absent = 0
 *                   f when the first attempt was, ms; absent = none
 *                   d not due before, ms; absent = at any time
 *     r   number  invocations of which nobody has heard the end may run until, ms: whoever begins elsewhere than the lanes say
 *                 waits for them; absent = there are none
 *     n   number  of a free lease: not due before, ms; absent = when there are records
 *     b   number  records have been waiting since for a batch to fill, ms; absent = none
 *     ws  number  a tumbling window's start, ms: no record goes to one before it; absent = none yet
 *     wo  boolean whether that window has begun
 *     wx  string  its state, JSON; absent = it has none
 *     x   map     the last error: k kind, m message, t when, ms; absent = none since the last success
 */
import { assert } from '../../kernel/assert.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Attributes, Condition, ItemKey, Value, Write } from '../../kernel/items.ts';
import { mapsAt, numberAt, optionalNumber, optionalText, present, textAt } from '../groups/attributes.ts';
import type { Lane } from './lanes.ts';
import type { OpenWindow } from './window.ts';

export interface LeaseId {
  group: string;
  topicId: TopicId;
  partition: number;
}

export interface LeaseError {
  kind: string;
  message: string;
  atMs: number;
}

export interface Lease {
  topic: string;
  trigger: string;
  epoch: number;
  version: number;
  holder?: string;
  untilMs: number;
  wanted: number;
  committed?: number;
  lanes: readonly Lane[];
  runsUntilMs?: number;
  nextMs?: number;
  fillingSinceMs?: number;
  window?: OpenWindow;
  error?: LeaseError;
}

/** The partition key of a group's leases. */
export function leasesKey(group: string): string {
  return `lease#${group}`;
}

export function leaseKey({ group, topicId, partition }: LeaseId): ItemKey {
  return { pk: leasesKey(group), sk: `${topicId}#${String(partition).padStart(5, '0')}` };
}

/** The partition that a sort key of `leaseKey` names. */
export function parseLeaseKey(sk: string): { topicId: TopicId; partition: number } {
  const [topicId, partition] = sk.split('#');
  assert(topicId !== undefined && partition !== undefined && /^\d{5,}$/.test(partition), `${sk} is the key of a lease`);
  return { topicId, partition: Number(partition) };
}

export function encodeLease(lease: Lease): Attributes {
  const { window, error } = lease;
  return present<Attributes>({
    t: lease.topic,
    g: lease.trigger,
    e: lease.epoch,
    v: lease.version,
    h: lease.holder,
    u: lease.untilMs,
    w: lease.wanted,
    c: lease.committed,
    l: lease.lanes.map(encodeLane),
    r: lease.runsUntilMs,
    n: lease.nextMs,
    b: lease.fillingSinceMs,
    ws: window?.startMs,
    wo: window?.hasBegun,
    wx: window?.state,
    x: error && { k: error.kind, m: error.message, t: error.atMs },
  });
}

export function decodeLease(attributes: Attributes): Lease {
  return present<Lease>({
    topic: textAt(attributes, 't'),
    trigger: textAt(attributes, 'g'),
    epoch: numberAt(attributes, 'e'),
    version: numberAt(attributes, 'v'),
    holder: optionalText(attributes, 'h'),
    untilMs: numberAt(attributes, 'u'),
    wanted: numberAt(attributes, 'w'),
    committed: optionalNumber(attributes, 'c'),
    lanes: mapsAt(attributes, 'l').map(decodeLane),
    runsUntilMs: optionalNumber(attributes, 'r'),
    nextMs: optionalNumber(attributes, 'n'),
    fillingSinceMs: optionalNumber(attributes, 'b'),
    window: attributes['ws'] === undefined ? undefined : decodeWindow(attributes),
    error: attributes['x'] === undefined ? undefined : decodeError(attributes['x']),
  });
}

/** A lane that has nothing to remember is one number: most are, and every batch pays for the item. */
function encodeLane({ next, ends, attempts, unheard, isEnding, pauses, sinceMs, dueMs }: Lane): Value {
  return present<{ [name: string]: Value }>({
    n: next,
    b: ends.length === 0 ? undefined : [...ends],
    a: attempts || undefined,
    u: unheard || undefined,
    e: isEnding || undefined,
    p: pauses || undefined,
    f: sinceMs,
    d: dueMs,
  });
}

function decodeLane(map: Attributes): Lane {
  const ends = map['b'] ?? [];
  assert(Array.isArray(ends), 'the ends of batches are a list');
  return present<Lane>({
    next: numberAt(map, 'n'),
    ends: ends.map((end) => {
      assert(typeof end === 'number', 'the end of a batch is an offset');
      return end;
    }),
    attempts: optionalNumber(map, 'a') ?? 0,
    unheard: optionalNumber(map, 'u') ?? 0,
    isEnding: map['e'] === true || undefined,
    pauses: optionalNumber(map, 'p') ?? 0,
    sinceMs: optionalNumber(map, 'f'),
    dueMs: optionalNumber(map, 'd'),
  });
}

function decodeWindow(attributes: Attributes): OpenWindow {
  const hasBegun = attributes['wo'];
  assert(typeof hasBegun === 'boolean', 'a window has begun or has not');
  return present<OpenWindow>({
    startMs: numberAt(attributes, 'ws'),
    hasBegun,
    state: optionalText(attributes, 'wx'),
  });
}

function decodeError(value: Value): LeaseError {
  assert(typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array), 'an error is a map');
  return { kind: textAt(value, 'k'), message: textAt(value, 'm'), atMs: numberAt(value, 't') };
}

/** What a taking makes of the lease. `wanted` is there from the beginning, since conditions compare with it. */
export function taken(
  before: Lease | undefined,
  by: { holder: string; untilMs: number; wanted: number; nowMs: number; topic: string; trigger: string },
): Lease {
  const { holder, untilMs, nowMs, topic, trigger } = by;
  const wanted = Math.max(before?.wanted ?? 0, by.wanted);
  if (before === undefined) return { topic, trigger, epoch: nowMs, version: 1, holder, untilMs, wanted, lanes: [] };
  const { nextMs: _, ...kept } = before;
  return { ...kept, topic, trigger, epoch: before.epoch + 1, version: before.version + 1, holder, untilMs, wanted };
}

/** Writes what `taken` made, if the lease still is as it was read. `w` may have grown since: see `Lease.wanted`. */
export function planTake(id: LeaseId, before: Lease | undefined, after: Lease): Write & { kind: 'update' } {
  const conditions: Condition[] = before === undefined ? [{ clause: 'item-absent' }] : sameLease(before);
  return { kind: 'update', key: leaseKey(id), changes: changesTo(after, { setWanted: true }), conditions };
}

/** The holder's lease as it is to be from now on, if it is still theirs. */
export function planKeep(id: LeaseId, before: Lease, after: Lease): Write & { kind: 'update' } {
  return { kind: 'update', key: leaseKey(id), changes: changesTo(after), conditions: sameLease(before) };
}

/** Gives the lease back, unless someone wants more than was reached. */
export function planRelease(id: LeaseId, before: Lease, after: Lease, reached: number): Write & { kind: 'update' } {
  const conditions: Condition[] = [...sameLease(before), { clause: 'at-most', attribute: 'w', value: reached }];
  return { kind: 'update', key: leaseKey(id), changes: changesTo(after), conditions };
}

/** Leaves what is wanted for the holder, who sees it before the lease is free: `planRelease`. */
export function planWanted(id: LeaseId, held: Lease, wanted: number): Write & { kind: 'update' } {
  return {
    kind: 'update',
    key: leaseKey(id),
    changes: { set: { w: wanted } },
    conditions: [
      { clause: 'equals', attribute: 'e', value: held.epoch },
      { clause: 'exists', attribute: 'h' },
      { clause: 'less', attribute: 'w', value: wanted },
    ],
  };
}

/** There is nothing to deliver any more, nor will there be. */
export function planDrop(id: LeaseId, before: Lease): Write & { kind: 'delete' } {
  return { kind: 'delete', key: leaseKey(id), conditions: sameLease(before) };
}

/** All attributes but `w`, which is for others to raise. */
function changesTo(after: Lease, { setWanted = false } = {}): { set: Attributes; remove?: string[] } {
  const { w, ...set } = encodeLease(after);
  const remove = OPTIONAL.filter((name) => set[name] === undefined);
  return { set: setWanted ? { ...set, w: w as number } : set, ...(remove.length > 0 && { remove }) };
}

const OPTIONAL = ['h', 'c', 'r', 'n', 'b', 'ws', 'wo', 'wx', 'x'];

function sameLease({ epoch, version }: Lease): Condition[] {
  return [
    { clause: 'equals', attribute: 'e', value: epoch },
    { clause: 'equals', attribute: 'v', value: version },
  ];
}
