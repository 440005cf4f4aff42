/**
 * What may happen to the transactions of a transactional id by Kafka's protocol: pure decisions, as decide.ts has them
 * for callers that number their transactions.
 *
 * A request names the producer (an id and an epoch that initialization handed out) and no transaction: it is about the
 * one that is open, or begins the next one. So it is the more important that nobody takes a new transaction for the old
 * one: after a timeout the producer is fenced until it initializes again, or has its next epoch by aborting
 * (decide-end.ts), as in Kafka, where the coordinator raises its epoch.
 */
import { changed, decideExpire, isTimedOut, type Refused, refuse } from './decide.ts';
import { areEnlisted, enlist, judgeRuns, type PartitionName, type RunVerdict, type SequencedRun } from './enlisted.ts';
import { producerOf } from './producer.ts';
import type { ProducerIdentity, TransactionalState } from './transactional-item.ts';

export type EnlistDecision = { decision: 'enlist'; next: TransactionalState } | { decision: 'repeat' } | Refused;

/** Partitions of the open transaction, or of a new one, that begins with them; none where it begins with offsets. */
export function decideEnlist(
  state: TransactionalState | undefined,
  producer: ProducerIdentity,
  { partitions, partitionsMax, nowMs }: { partitions: readonly PartitionName[]; partitionsMax: number; nowMs: number },
): EnlistDecision {
  const known = admitted(state, producer, nowMs);
  if ('decision' in known) return known;
  const begins = known.status !== 'ongoing';
  if (!begins && areEnlisted(known.enlisted ?? [], partitions)) return { decision: 'repeat' };
  const enlisted = enlist(known.enlisted ?? [], partitions, { begins });
  if (enlisted.length > partitionsMax) return refuse({ reason: 'too-many-partitions' });
  return { decision: 'enlist', next: changed(known, { enlisted, ...(begins && begun(known, nowMs)) }) };
}

export type AppendDecision =
  | {
      decision: 'append';
      verdicts: readonly RunVerdict[];
      /** With one more part, of the runs that are accepted; absent where none is. */
      next?: TransactionalState;
    }
  | Refused;

export interface Appending {
  runs: readonly SequencedRun[];
  /** Whether records put their partitions into the transaction by themselves, and begin it (KIP-890). */
  enlists: boolean;
  partsMax: number;
  partitionsMax: number;
  nowMs: number;
}

/**
 * Records for partitions of the open transaction, in the order in which they came. What is not accepted begins none.
 */
export function decideAppend(
  state: TransactionalState | undefined,
  producer: ProducerIdentity,
  { runs, enlists, partsMax, partitionsMax, nowMs }: Appending,
): AppendDecision {
  const known = admitted(state, producer, nowMs);
  if ('decision' in known) return known;
  const begins = known.status !== 'ongoing';
  if (begins && !enlists) return { decision: 'append', verdicts: runs.map(() => ({ verdict: 'not-enlisted' })) };
  const before = known.enlisted ?? [];
  const named = enlists && (begins || !areEnlisted(before, runs)) ? enlist(before, runs, { begins }) : before;
  const { verdicts, next: enlisted } = judgeRuns(named, runs);
  if (verdicts.every(({ verdict }) => verdict !== 'accepted')) return { decision: 'append', verdicts };
  if (enlisted.length > partitionsMax) return refuse({ reason: 'too-many-partitions' });
  const next = withPart(known, { begins, partsMax, nowMs });
  if ('decision' in next) return next;
  return { decision: 'append', verdicts, next: { ...next, enlisted } };
}

export type AddOffsetsDecision = { decision: 'add'; next: TransactionalState } | Refused;

export interface AddingOffsets {
  /** Whether offsets begin a transaction by themselves, where none is open (KIP-890). */
  begin: boolean;
  partsMax: number;
  nowMs: number;
}

/**
 * Offsets of a group as another part of the open transaction. They may come twice: of those of a partition the last
 * ones count.
 */
export function decideAddOffsets(
  state: TransactionalState | undefined,
  producer: ProducerIdentity,
  { begin, partsMax, nowMs }: AddingOffsets,
): AddOffsetsDecision {
  const known = admitted(state, producer, nowMs);
  if ('decision' in known) return known;
  const begins = known.status !== 'ongoing';
  if (begins && !begin) return notOngoing(known);
  const next = withPart(known, { begins, partsMax, nowMs });
  if ('decision' in next) return next;
  // Of the transaction before it has no partition.
  const enlisted = begins && enlist(next.enlisted ?? [], [], { begins });
  return { decision: 'add', next: { ...next, ...(enlisted && { enlisted }) } };
}

/** The state with one more part of the open transaction, or with the first one of the next. */
function withPart(
  known: TransactionalState,
  { begins, partsMax, nowMs }: { begins: boolean; partsMax: number; nowMs: number },
): TransactionalState | Refused {
  if (begins) return changed(known, { ...begun(known, nowMs), parts: 1 });
  if (known.parts >= partsMax) return refuse({ reason: 'too-many-parts', limit: 'producerPartsMax' });
  return changed(known, { parts: known.parts + 1 });
}

function begun({ number }: TransactionalState, nowMs: number) {
  return { number: number + 1, status: 'ongoing', begunMs: nowMs, parts: 0 } as const;
}

/** The state, for the producer that has its newest epoch, and whose transaction has not taken too long. */
export function admitted(
  state: TransactionalState | undefined,
  producer: ProducerIdentity,
  nowMs: number,
): TransactionalState | Refused {
  const newest = state && producerOf(state);
  if (state === undefined || newest?.id !== producer.id) return refuse({ reason: 'not-initialized' });
  if (newest.epoch !== producer.epoch) return refuse({ reason: 'fenced', epoch: producer.epoch, newest: newest.epoch });
  const { number, status, abortReason } = state;
  const refusal = { reason: 'timed-out', number } as const;
  if (isTimedOut(state, nowMs)) return { decision: 'refuse', refusal, next: decideExpire(state) };
  return status === 'aborted' && abortReason === 'timed-out' ? refuse(refusal) : state;
}

export function notOngoing({ number, status, abortReason }: TransactionalState): Refused {
  const is = status === 'committed' || status === 'aborted' ? status : 'none';
  return refuse({ reason: 'not-ongoing', number, status: is, ...(abortReason !== undefined && { abortReason }) });
}
