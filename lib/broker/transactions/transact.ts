/**
 * A whole transaction in one request: records to any topics and partitions, and offsets of a group; all of it or none.
 *
 * The records are stored first, in one object and unsequenced; then one atomic write appends them to all their ledgers,
 * sets the offsets, and moves the transactional id on. With an epoch and a number the request may be repeated: the
 * state of the id says whether the transaction was committed, by whichever process, and its receipt says where the
 * records are.
 */

import { type Caller, decideTransact } from '../../coordination/transactions/decide.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import type { PendingOffset } from '../../coordination/transactions/part-item.ts';
import { type PlacedRecord, unpackReceipt } from '../../coordination/transactions/receipt.ts';
import { refusalError } from '../../coordination/transactions/refusal-error.ts';
import { planTransactional, type TransactionalState } from '../../coordination/transactions/transactional-item.ts';
import { bytesEqual } from '../../kernel/bytes.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import { ledgerName, OBJECT_RANDOM_BYTES } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import type { BaseOffsets } from '../../log/ledger/append.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import type { Broker } from '../broker.ts';
import { fencesFor } from '../groups/fenced-offsets.ts';
import { type CommitOutcome, checkItemCount, type Intent, type StoredLedger } from './intent.ts';
import { placesOf, receiptOf } from './make-receipt.ts';
import {
  type GroupOffsets,
  offsetWrites,
  type PreparedRecords,
  prepareListedOffsets,
  prepareRecords,
  type TransactionRecord,
} from './prepare.ts';
import { readReceipt } from './read-receipt.ts';
import { discardPartsOf, readState } from './transactional-states.ts';
import { uploadRuns } from './upload.ts';

export interface TransactRequest {
  /** Orders its transactions one after the other, over all processes. */
  transactionalId?: string;
  /** With a transactional id only: makes a repeated request harmless. */
  caller?: Caller;
  records: readonly TransactionRecord[];
  offsets?: GroupOffsets;
}

export interface TransactResult {
  /** In the request's order. */
  records: { topic: string; partition: number; offset: number; timestamp: number }[];
  /** It was committed before, and this is the first answer. */
  repeated: boolean;
}

export async function transact(broker: Broker, request: TransactRequest): Promise<TransactResult> {
  const { transactionalId: id } = request;
  if (id !== undefined) checkTransactionalId(id);
  if (request.records.length === 0 && (request.offsets?.offsets.length ?? 0) === 0) {
    throw new MillraceError('INVALID_REQUEST', 'A transaction has at least one record or offset.');
  }
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  const work = () => run(broker, request, deadlineMs);
  return id === undefined ? work() : broker.committer.inLine(id, work);
}

async function run(broker: Broker, request: TransactRequest, deadlineMs: number): Promise<TransactResult> {
  const { transactionalId: id } = request;
  const work = new Transact(broker, request, deadlineMs);
  const earlier = id === undefined ? undefined : await work.decided(id);
  if (earlier !== undefined) return earlier;
  try {
    return await work.commit();
  } catch (error) {
    if (!(await work.isCreatedAnew(error))) throw error;
    return work.commit();
  }
}

/** One request on its way. */
class Transact {
  private readonly broker: Broker;
  private readonly request: TransactRequest;
  private readonly deadlineMs: number;
  /** By which the request knows its own commit in the state. */
  private readonly token: Uint8Array;
  /** Of offsets that a member commits. */
  private fences: Intent['fences'] = [];
  private state: TransactionalState | undefined;
  private next: TransactionalState | undefined;

  constructor(broker: Broker, request: TransactRequest, deadlineMs: number) {
    this.broker = broker;
    this.request = request;
    this.deadlineMs = deadlineMs;
    this.token = broker.random.bytes(OBJECT_RANDOM_BYTES);
  }

  /** Reads the state; the first answer, where the transaction is committed already. Throws the refusal. */
  async decided(id: string): Promise<TransactResult | undefined> {
    this.state = await readState(this.broker, id);
    const now = { nowMs: this.broker.clock.now(), timeoutMs: transactionLimits.transactionTimeoutMsDefault };
    const decision = decideTransact(this.state, this.request.caller, now);
    switch (decision.decision) {
      case 'commit':
        this.next = decision.next;
        return undefined;
      case 'repeat':
        return this.fromReceipt(decision.receipt);
      case 'refuse':
        throw refusalError(id, decision.refusal);
    }
  }

  async commit(): Promise<TransactResult> {
    const { broker, request } = this;
    const prepared = await prepareRecords(broker, request.records);
    const offsets = request.offsets === undefined ? [] : await prepareListedOffsets(broker, request.offsets);
    await this.takeFences(offsets);
    const guarded = request.transactionalId !== undefined;
    checkItemCount({
      ledgers: new Set(prepared.runs.map(({ ledger }) => ledgerName(ledger))).size,
      offsets: offsetWrites(offsets, 0).length,
      guarded,
      members: this.fences.length,
    });
    const bytes = prepared.runs.reduce((sum, { run }) => sum + run.bytes, 0);
    const leave = broker.committer.admit(bytes);
    try {
      return await this.decideUntilDone(prepared, offsets);
    } finally {
      leave();
    }
  }

  /** Each round is a decision upon the state as it is, with bytes that can still be committed. */
  private async decideUntilDone(prepared: PreparedRecords, offsets: readonly PendingOffset[]): Promise<TransactResult> {
    for (let uploads = 0; uploads < transactionLimits.transactionDecisionsMax; uploads++) {
      const upload = await uploadRuns(this.broker, prepared.runs, this.deadlineMs);
      try {
        const result = await this.decideUntilSwept(prepared, upload.ledgers, offsets);
        if (result !== undefined) return result;
      } finally {
        upload.leave();
      }
    }
    throw this.metTooMany();
  }

  /** `undefined` where the sweeper has given the bytes up. */
  private async decideUntilSwept(
    prepared: PreparedRecords,
    stored: readonly StoredLedger[],
    offsets: readonly PendingOffset[],
  ): Promise<TransactResult | undefined> {
    for (let round = 0; round < transactionLimits.transactionDecisionsMax; round++) {
      const outcome = await this.commitOrFenced(prepared, stored, offsets);
      switch (outcome.outcome) {
        case 'committed':
          if (this.request.transactionalId !== undefined) {
            discardPartsOf(this.broker, this.request.transactionalId, this.state);
          }
          this.broker.meter.produced(
            prepared.records.length,
            prepared.runs.reduce((sum, { run }) => sum + run.bytes, 0),
          );
          return { records: answered(prepared, stored, outcome.bases), repeated: false };
        case 'fenced':
          // Says how, or that the member has a newer epoch, which nobody said is too new.
          await this.takeFences(offsets);
          continue;
        case 'swept':
          return undefined;
        case 'superseded': {
          const earlier = await this.afterSuperseded(outcome.unknown);
          if (earlier !== undefined) return earlier;
          await this.broker.clock.sleep(retryPauseMs(round, this.broker.random));
        }
      }
    }
    throw this.metTooMany();
  }

  private async takeFences(offsets: readonly PendingOffset[]): Promise<void> {
    const { group, member } = this.request.offsets ?? {};
    if (group === undefined || member === undefined) return;
    this.fences = await fencesFor(this.broker, [{ group, member, offsets }]);
  }

  private async commitOrFenced(
    prepared: PreparedRecords,
    stored: readonly StoredLedger[],
    offsets: readonly PendingOffset[],
  ): Promise<CommitOutcome | { outcome: 'fenced' }> {
    try {
      return await this.broker.committer.commit({
        ledgers: stored,
        guard: this.guard(prepared, stored),
        fences: this.fences,
        offsets: offsetWrites(offsets, this.broker.clock.now()),
        deadlineMs: this.deadlineMs,
      });
    } catch (error) {
      const isFenced =
        error instanceof MillraceError && error.code === 'FENCED_MEMBER_EPOCH' && error.effect === 'none';
      if (isFenced) return { outcome: 'fenced' };
      throw error;
    }
  }

  private metTooMany(): MillraceError {
    const detail = 'The transaction met too many others of its transactional id; try again.';
    return new MillraceError('CONCURRENT_TRANSACTIONS', detail, {
      facts: { retryAfterMs: requestLimits.retryAfterMsDefault },
    });
  }

  private guard(prepared: PreparedRecords, stored: readonly StoredLedger[]): (Write & { kind: 'put' }) | undefined {
    const { transactionalId: id, caller } = this.request;
    if (id === undefined || this.next === undefined) return undefined;
    const receipt = caller === undefined ? undefined : receiptOf(prepared.runs, stored, prepared.records);
    return planTransactional(id, { ...this.next, token: this.token, ...(receipt !== undefined && { receipt }) });
  }

  /** Decides anew. With `unknown` the change may be this request's own, of an attempt whose answer was lost. */
  private async afterSuperseded(unknown: boolean): Promise<TransactResult | undefined> {
    const id = this.request.transactionalId as string;
    const attempted = this.next?.version;
    if (!unknown) return this.decided(id);
    const state = await readState(this.broker, id).catch((error: unknown) => {
      throw withEffect(error, 'unknown');
    });
    // Only transactions of offsets alone are not known from their ledgers.
    if (state !== undefined && bytesEqual(state.token, this.token)) return { records: [], repeated: false };
    if (state?.version === attempted) return this.decided(id);
    const detail = 'Whether the offsets were committed is not known: others have used the transactional id since.';
    throw new MillraceError('REQUEST_TIMED_OUT', detail, { effect: 'unknown' });
  }

  /** Whether nothing was written because a topic is not the one that the cached view shows, and there is a new one. */
  async isCreatedAnew(error: unknown): Promise<boolean> {
    if (!(error instanceof MillraceError) || error.code !== 'UNKNOWN_TOPIC_OR_PARTITION') return false;
    if (error.effect !== 'none') return false;
    const names = new Set(this.request.records.map(({ topic }) => topic));
    let changed = false;
    for (const name of names) {
      const known = await this.broker.topics.get(name);
      const fresh = await this.broker.topics.getFresh(name);
      changed ||= known.topicId !== fresh.topicId;
    }
    return changed;
  }

  private async fromReceipt(packed: Uint8Array): Promise<TransactResult> {
    const receipt = unpackReceipt(packed);
    const bases = await readReceipt(this.broker, receipt, this.deadlineMs);
    const next = receipt.places.map(({ ledger, slot }) => bases[ledger]?.get(slot) as number);
    const records = receipt.records.map(({ place, timestamp }) => {
      const { ledger, partition } = receipt.places[place] as (typeof receipt.places)[number];
      const offset = next[place] as number;
      next[place] = offset + 1;
      return { topic: receipt.ledgers[ledger]?.topic as string, partition, offset, timestamp };
    });
    return { records, repeated: true };
  }
}

function answered(
  { runs, records }: PreparedRecords,
  stored: readonly StoredLedger[],
  bases: readonly BaseOffsets[],
): TransactResult['records'] {
  const places = placesOf(runs, stored);
  const next = places.map(({ ledger, slot }) => bases[ledger]?.get(slot) as number);
  return records.map(({ place, timestamp }: PlacedRecord) => {
    const { topic, partition } = runs[place] as (typeof runs)[number];
    const offset = next[place] as number;
    next[place] = offset + 1;
    return { topic: topic.name, partition, offset, timestamp };
  });
}
