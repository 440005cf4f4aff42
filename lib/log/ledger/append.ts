/**
 * Appending to a ledger: one conditional update of its head, without a read before it.
 *
 * The condition makes the step safe to repeat and safe to delay:
 * - the commit's id is not among the recent ones: it was not applied before;
 * - `sealed ≤ seen + K`: ids stay K seals beyond their own, so an attempt that could still pass would find its id
 *   there. `seen` may only be raised by a strong read of the head and of all pages since the first attempt that did not
 *   find the id, as long as an attempt's fate is unknown;
 * - `swept < birth`: the sweeper has not given these bytes up;
 * - same leader epoch and in-sync set as the bytes were uploaded for;
 * - the producers of its batches, where they have sequences, are as the writer has seen them.
 */

import { assert } from '../../kernel/assert.ts';
import { bytesEqual } from '../../kernel/bytes.ts';
import type { LedgerId, ObjectId } from '../../kernel/ids.ts';
import type { Attributes, Changes, Condition, Write } from '../../kernel/items.ts';
import { ledgerLimits } from '../../kernel/limits/ledger.ts';
import { type Commit, idOf, packCommit } from './commit.ts';
import {
  decodeHead,
  GAPS_ATTRIBUTE,
  headKey,
  type LedgerHead,
  nextAttribute,
  producerAttribute,
  recordsOf,
} from './head.ts';
import type { Page } from './page.ts';
import type { ProducerChange } from './producer-item.ts';

export interface AppendPlan {
  ledger: LedgerId;
  commit: Commit;
  epoch: number;
  isrVersion: number;
  /** Seals that the writer has seen, see above. */
  seen: number;
  /** Append only if the slot's next offset is this one. */
  expected?: { slot: number; offset: number };
  /** What happens to producers' sequences; those with an item of their own need its write beside (producer-item.ts). */
  producers?: readonly ProducerChange[];
  /** Of a replicated ledger: a replica in sync does not hold the commit yet. */
  leavesGap?: boolean;
}

export function planAppend(plan: AppendPlan): Write {
  const { commit } = plan;
  const conditions: Condition[] = [
    { clause: 'equals', attribute: 'e', value: plan.epoch },
    { clause: 'equals', attribute: 'i', value: plan.isrVersion },
    { clause: 'lacks', attribute: 'r', value: idOf(commit) },
    { clause: 'at-most', attribute: 'x', value: plan.seen + ledgerLimits.sealsRemembered },
    { clause: 'less', attribute: 'w', value: commit.object.birthMs },
    { clause: 'shorter', attribute: 't', length: ledgerLimits.tailEntriesMax },
  ];
  if (plan.expected !== undefined) {
    const attribute = nextAttribute(plan.expected.slot);
    // A slot that nothing was appended to has no attribute, and a comparison with it would be false.
    conditions.push(
      plan.expected.offset === 0
        ? { clause: 'absent', attribute }
        : { clause: 'equals', attribute, value: plan.expected.offset },
    );
  }
  const add: Record<string, number> = { v: 1, b: 0 };
  for (const run of commit.runs) {
    add[nextAttribute(run.slot)] = run.records;
    add['b'] = (add['b'] as number) + run.bytes;
  }
  if (plan.leavesGap) add[GAPS_ATTRIBUTE] = 1;
  const changes: Changes = { add, append: { t: [packCommit(commit)], r: [idOf(commit)] } };
  for (const change of plan.producers ?? []) addProducer(change, conditions, changes);
  return { kind: 'update', key: headKey(plan.ledger), changes, conditions };
}

/** A producer that is expected in the head or out of it, and is there or not afterwards. */
function addProducer({ key, head }: ProducerChange, conditions: Condition[], changes: Changes): void {
  const attribute = producerAttribute(key);
  conditions.push(
    head.before === undefined ? { clause: 'absent', attribute } : { clause: 'equals', attribute, value: head.before },
  );
  if (head.after !== undefined) (changes.set ??= {})[attribute] = head.after;
  else if (head.before !== undefined) (changes.remove ??= []).push(attribute);
}

/** Why a head refused an append, in the order in which the reasons must be looked at. */
export type AppendRefusal =
  /** There is no such ledger: its topic is deleted. */
  | { reason: 'gone' }
  /** The commit is in the ledger already: an earlier attempt was applied. */
  | { reason: 'committed'; head: LedgerHead }
  /** Its bytes were given up by the sweeper; it can never be applied. */
  | { reason: 'swept'; head: LedgerHead }
  /** Too many seals since `seen`: an earlier attempt may have been applied and forgotten by the head. */
  | { reason: 'stale'; head: LedgerHead }
  /** The leader or the in-sync set changed. The commit is not there, or an election has cut it off. */
  | { reason: 'fenced'; head: LedgerHead }
  /** A producer's sequences are not as expected. No attempt that expected these can ever be applied any more. */
  | { reason: 'sequences'; head: LedgerHead }
  | { reason: 'offset-mismatch'; head: LedgerHead; nextOffset: number }
  | { reason: 'full'; head: LedgerHead };

export function explainRefusal(plan: AppendPlan, item: Attributes | undefined): AppendRefusal {
  if (item === undefined) return { reason: 'gone' };
  const head = decodeHead(item);
  if (isRecent(head, idOf(plan.commit))) return { reason: 'committed', head };
  if (head.swept >= plan.commit.object.birthMs) return { reason: 'swept', head };
  if (head.sealed > plan.seen + ledgerLimits.sealsRemembered) return { reason: 'stale', head };
  if (head.epoch !== plan.epoch || head.isrVersion !== plan.isrVersion) return { reason: 'fenced', head };
  if (plan.producers?.some((change) => !isAsExpected(head, change))) return { reason: 'sequences', head };
  if (plan.expected !== undefined && head.next[plan.expected.slot] !== plan.expected.offset) {
    return { reason: 'offset-mismatch', head, nextOffset: head.next[plan.expected.slot] as number };
  }
  assert(head.tail.length >= ledgerLimits.tailEntriesMax, 'an append is refused for a reason that is known here');
  return { reason: 'full', head };
}

function isAsExpected({ producers }: LedgerHead, change: ProducerChange): boolean {
  const { before } = change.head;
  const found = producers.get(change.key);
  if (before === undefined || found === undefined) return before === found;
  return bytesEqual(before, found);
}

export function isRecent(head: LedgerHead, id: Uint8Array): boolean {
  return head.recent.some((recent) => bytesEqual(recent, id));
}

/** Whether one of these commits is to the object, whatever its part. */
export function commitsObject(commits: readonly Commit[], { random }: ObjectId): boolean {
  return commits.some(({ object }) => bytesEqual(object.random, random));
}

/** The base offset of each of the commit's runs, by slot. */
export type BaseOffsets = ReadonlyMap<number, number>;

/** Where a commit lies that is in the head's tail; `undefined` where it is not (any more). */
export function offsetsInTail(head: LedgerHead, id: Uint8Array): BaseOffsets | undefined {
  const next = [...head.next];
  for (let index = head.tail.length - 1; index >= 0; index--) {
    const commit = head.tail[index] as Commit;
    for (const run of commit.runs) next[run.slot] = (next[run.slot] as number) - run.records;
    if (bytesEqual(idOf(commit), id)) return new Map(commit.runs.map((run) => [run.slot, next[run.slot] as number]));
  }
  return undefined;
}

/** Where a commit lies that is in the page; `undefined` where it is not. */
export function offsetsInPage(page: Page, id: Uint8Array): BaseOffsets | undefined {
  for (const [index, commit] of page.commits.entries()) {
    if (!bytesEqual(idOf(commit), id)) continue;
    return new Map(
      commit.runs.map((run) => {
        let offset = page.bases[run.slot] as number;
        for (const earlier of page.commits.slice(0, index)) offset += recordsOf(earlier, run.slot);
        return [run.slot, offset];
      }),
    );
  }
  return undefined;
}

/** The sweeper's fence: after it, nothing born at or before `birthMs` can be committed to the ledger. */
export function planSweepFence(ledger: LedgerId, birthMs: number): Write {
  return {
    kind: 'update',
    key: headKey(ledger),
    changes: { set: { w: birthMs }, add: { v: 1 } },
    conditions: [{ clause: 'less', attribute: 'w', value: birthMs }],
  };
}

/** A birth time for an object that every one of these heads still accepts. */
export function acceptableBirth(nowMs: number, sweptMarks: readonly number[]): number {
  return sweptMarks.reduce((birth, swept) => Math.max(birth, swept + 1), nowMs);
}
