/**
 * Which units of a commit its producers' sequences let in, and what the commit does to the sequences: a pure decision
 * from one head of the ledger and the items of the producers that are not in it.
 */
import { settleHomes } from '../../coordination/producers/homes.ts';
import {
  isExpired,
  lastAppendMs,
  type ProducerState,
  packProducer,
  unpackProducer,
  withOffsets,
} from '../../coordination/producers/producer-state.ts';
import { judge, type Place, type Verdict, withBatch } from '../../coordination/producers/sequences.ts';
import { coveredCommits, numberInTail } from '../../coordination/replication/ledger-view.ts';
import { withoutCutOff } from '../../coordination/replication/roll-back-producers.ts';
import { unreachable } from '../../kernel/assert.ts';
import { toHex } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { type BaseOffsets, offsetsInTail } from '../../log/ledger/append.ts';
import { type LedgerHead, producerAttribute } from '../../log/ledger/head.ts';
import type { ProducerChange } from '../../log/ledger/producer-item.ts';
import { headView } from '../ledger/replicated.ts';
import type { ProducerSequence, Unit } from './unit.ts';

export interface AdmitOptions {
  units: readonly Unit[];
  head: LedgerHead;
  /** Of the producers that are not in the head; those without an item are not in here. */
  items: ReadonlyMap<string, Uint8Array>;
  /** Ids of commits that items name and an election has cut off. */
  cutOff?: readonly Uint8Array[];
  /** The commit's id, and the seals that its plan has seen. */
  commitId: Uint8Array;
  seen: number;
  nowMs: number;
  expirationMs: number;
  /** Where a commit's runs begin that has left the tail, if the process has its page at hand. */
  offsetsInPages: (commitId: Uint8Array, seen: number) => BaseOffsets | undefined;
}

/** A unit that is not to be written, and why. */
export type Excluded = { unit: Unit; sequence: ProducerSequence } & (
  | { reason: 'duplicate'; place: Place }
  /**
   * `doubtful`: on the grounds of what was seen here, which may be old; and of a producer that seemed to be unknown,
   * any unit is let in, so that those it had to wait for seem to be too old. `behind`: because these records were
   * appended after it, which is true for as long as they are in the log.
   */
  | { reason: 'refused'; error: MillraceError; doubtful: boolean; behind?: Place }
);

export type Admission =
  | { admitted: 'all'; changes: ProducerChange[] }
  /** The rest may be written, as another commit. */
  | { admitted: 'some'; excluded: Excluded[] };

export function admit(options: AdmitOptions): Admission {
  const { units, commitId, seen, nowMs } = options;
  const states = new Map<string, ProducerState>();
  const offsetsOf = commitFinder(options);
  const before = new Map<number, number>();
  const excluded: Excluded[] = [];
  for (const unit of units) {
    const { slot, sequence, run } = unit;
    const recordsBefore = before.get(slot) ?? 0;
    before.set(slot, recordsBefore + run.records);
    if (sequence === undefined) continue;
    const state = states.get(sequence.producer) ?? stateOf(options, sequence.producer, offsetsOf);
    const given = { epoch: sequence.epoch, firstSequence: sequence.firstSequence, records: run.records };
    const known = state?.slots.get(slot);
    const verdict = judge(known, given);
    if (verdict.verdict !== 'accepted') {
      excluded.push({ unit, sequence, ...exclusion(verdict, sequence) });
      continue;
    }
    const place: Place = { at: 'commit', id: commitId, seen, before: recordsBefore };
    const slots = new Map(state?.slots).set(slot, withBatch(known, given, place));
    states.set(sequence.producer, { lastMs: Math.max(nowMs, state?.lastMs ?? 0), slots });
  }
  if (excluded.length > 0) return { admitted: 'some', excluded };
  return { admitted: 'all', changes: changesOf(options, states) };
}

/**
 * What is known of the producer, with the offsets that can be told now; `undefined` where it is unknown or forgotten.
 */
function stateOf(options: AdmitOptions, key: string, offsetsOf: CommitFinder): ProducerState | undefined {
  const { head, items, cutOff = [], nowMs, expirationMs } = options;
  const packed = head.producers.get(key) ?? items.get(key);
  if (packed === undefined || isExpired(lastAppendMs(packed), nowMs, expirationMs)) return undefined;
  return withOffsets(withoutCutOff(unpackProducer(packed), cutOff), (slot, { id, seen, before }) => {
    const base = offsetsOf(id, seen)?.get(slot);
    return base === undefined ? undefined : base + before;
  });
}

type CommitFinder = (commitId: Uint8Array, seen: number) => BaseOffsets | undefined;

/** Producers of one flush have their newest batches in few commits, each of which is looked for once. */
function commitFinder({ head, offsetsInPages }: AdmitOptions): CommitFinder {
  const found = new Map<string, BaseOffsets | undefined>();
  return (commitId, seen) => {
    const name = toHex(commitId);
    if (!found.has(name)) found.set(name, coveredInTail(head, commitId) ?? offsetsInPages(commitId, seen));
    return found.get(name);
  };
}

/** What an election may still cut off is known by its commit only: the offset may be given to another. */
function coveredInTail(head: LedgerHead, commitId: Uint8Array): BaseOffsets | undefined {
  const view = headView(head);
  const number = view && numberInTail(view, commitId);
  if (view !== undefined && number !== undefined && number >= coveredCommits(view)) return undefined;
  return offsetsInTail(head, commitId);
}

function exclusion(
  verdict: Exclude<Verdict, { verdict: 'accepted' }>,
  { epoch, firstSequence }: ProducerSequence,
):
  | { reason: 'duplicate'; place: Place }
  | { reason: 'refused'; error: MillraceError; doubtful: boolean; behind?: Place } {
  switch (verdict.verdict) {
    case 'duplicate':
      return { reason: 'duplicate', place: verdict.place };
    case 'too-old':
      return { reason: 'refused', error: tooOld(firstSequence), doubtful: true, behind: verdict.oldest };
    case 'out-of-order': {
      const detail = `The sequence ${firstSequence} is not the producer's next one in the partition, ${verdict.expected}.`;
      const facts = { expectedSequence: verdict.expected };
      return {
        reason: 'refused',
        error: new MillraceError('OUT_OF_ORDER_SEQUENCE_NUMBER', detail, { facts }),
        doubtful: true,
      };
    }
    case 'fenced': {
      const detail = `The producer epoch ${epoch} is older than ${verdict.epoch}, with which the producer has written since.`;
      return { reason: 'refused', error: new MillraceError('INVALID_PRODUCER_EPOCH', detail), doubtful: false };
    }
    default:
      return unreachable(verdict);
  }
}

export function tooOld(firstSequence: number): MillraceError {
  const detail = `The records from the sequence ${firstSequence} on were written before; their offsets are not known any more.`;
  return new MillraceError('DUPLICATE_SEQUENCE_NUMBER', detail);
}

function changesOf(
  { head, items, nowMs, expirationMs }: AdmitOptions,
  states: ReadonlyMap<string, ProducerState>,
): ProducerChange[] {
  if (states.size === 0) return [];
  const packed = new Map([...states].map(([key, state]) => [key, packProducer(state)]));
  const inHead = new Map(
    [...head.producers].map(([key, bytes]) => [key, { bytes: sizeOf(key, bytes), lastMs: lastAppendMs(bytes) }]),
  );
  const appending = new Map([...packed].map(([key, bytes]) => [key, sizeOf(key, bytes)]));
  const homes = settleHomes({ inHead, appending, nowMs, expirationMs });
  const changes = [...packed].map(([key, after]): ProducerChange => {
    const before = { head: head.producers.get(key), item: head.producers.has(key) ? undefined : items.get(key) };
    const stays = homes.stay.has(key);
    return {
      key,
      head: { before: before.head, after: stays ? after : undefined },
      item: { before: before.item, after: stays ? undefined : after },
    };
  });
  for (const key of homes.out) {
    const bytes = head.producers.get(key);
    changes.push({ key, head: { before: bytes, after: undefined }, item: { before: undefined, after: bytes } });
  }
  for (const key of homes.forgotten) {
    const item = { before: undefined, after: undefined };
    changes.push({ key, head: { before: head.producers.get(key), after: undefined }, item });
  }
  return changes;
}

function sizeOf(key: string, packed: Uint8Array): number {
  return producerAttribute(key).length + packed.length;
}
