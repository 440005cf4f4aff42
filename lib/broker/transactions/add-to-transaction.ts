/**
 * Adds a part to an open transaction: records that are stored at once and stay unsequenced, and so unseen, until the
 * commit, and offsets of a group that are committed with them. The first part begins the transaction. Offsets may name
 * the member that has read so far: it is checked now, as Kafka does (KIP-447), kept with the part, and checked in the
 * commit.
 *
 * Parts are numbered from 0, so that a repeated call adds nothing and is answered as the first was. The part's item and
 * the state that counts it are one atomic write. The sweeper would give the bytes up an hour after their birth; no
 * transaction may be open for so long (`transactionLimits.transactionTimeoutMsMax`), and a commit that comes later
 * still is refused by the fence.
 */
import { type Caller, decideAdd } from '../../coordination/transactions/decide.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import {
  decodePart,
  encodePart,
  type PartReader,
  partKey,
  type TransactionPart,
} from '../../coordination/transactions/part-item.ts';
import { planTransactional, type TransactionalState } from '../../coordination/transactions/transactional-item.ts';
import { assert } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { ledgerName } from '../../kernel/ids.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import type { Broker } from '../broker.ts';
import { fencesFor } from '../groups/fenced-offsets.ts';
import { checkItemCount } from './intent.ts';
import {
  type GroupOffsets,
  offsetWrites,
  prepareListedOffsets,
  prepareRecords,
  type TransactionRecord,
} from './prepare.ts';
import { storeRuns } from './store-runs.ts';
import { changeState, discardPartsOf, readState, type StateStep, throwRefusal } from './transactional-states.ts';

export interface AddRequest {
  transactionalId: string;
  caller: Caller;
  /** 0 for the transaction's first. */
  part: number;
  records: readonly TransactionRecord[];
  offsets?: GroupOffsets;
}

export interface Added {
  /** In the request's order. Their offsets come with the commit. */
  records: { topic: string; partition: number; timestamp: number }[];
  repeated: boolean;
}

export async function addToTransaction(broker: Broker, request: AddRequest): Promise<Added> {
  const { transactionalId: id, records, offsets } = request;
  checkTransactionalId(id);
  if (records.length === 0 && (offsets?.offsets.length ?? 0) === 0) {
    throw new MillraceError('INVALID_REQUEST', 'A part of a transaction has at least one record or offset.');
  }
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  return broker.committer.inLine(id, () => add(broker, request, deadlineMs));
}

async function add(broker: Broker, request: AddRequest, deadlineMs: number): Promise<Added> {
  const { transactionalId: id, caller, part } = request;
  // Before anything is stored for nothing.
  const earlier = await decided(broker, request, await readState(broker, id));
  if (earlier !== 'again' && 'repeat' in earlier) return earlier.repeat;
  const made = await storePart(broker, request, deadlineMs);
  const { added, replaced } = await changeState(
    broker,
    id,
    async (state): Promise<StateStep<{ added: Added; replaced?: TransactionalState }>> => {
      const now = await decided(broker, request, state);
      if (now === 'again') return 'again';
      if ('repeat' in now) return { done: { added: now.repeat } };
      return {
        writes: [
          planTransactional(id, now.next),
          { kind: 'put', key: partKey({ id, ...caller }, part), attributes: encodePart(made) },
        ],
        done: { added: answerOf(made, false), ...(part === 0 && state !== undefined && { replaced: state }) },
      };
    },
  );
  discardPartsOf(broker, id, replaced);
  return added;
}

/**
 * The state with the part, or the first answer where it has it. Throws the refusal; `again` where it does not hold any
 * more.
 */
async function decided(
  broker: Broker,
  { transactionalId: id, caller, part }: AddRequest,
  state: TransactionalState | undefined,
): Promise<{ next: TransactionalState } | { repeat: Added } | 'again'> {
  const nowMs = broker.clock.now();
  const decision = decideAdd(state, caller, { part, partsMax: transactionLimits.transactionPartsMax, nowMs });
  switch (decision.decision) {
    case 'add':
      return { next: decision.next };
    case 'repeat': {
      const stored = await broker.metadata.get(partKey({ id, ...caller }, part), 'strong');
      if (stored !== undefined) return { repeat: answerOf(decodePart(stored), true) };
      const ended = await readState(broker, id);
      const again = decideAdd(ended, caller, { part, partsMax: transactionLimits.transactionPartsMax, nowMs });
      assert(again.decision === 'refuse', 'only of a transaction that has ended since are the parts gone');
      return throwRefusal(broker, id, again, ended?.parts);
    }
    case 'refuse':
      return throwRefusal(broker, id, decision, state?.parts);
  }
}

async function storePart(broker: Broker, request: AddRequest, deadlineMs: number): Promise<TransactionPart> {
  const { runs, records } = await prepareRecords(broker, request.records);
  const offsets = request.offsets === undefined ? [] : await prepareListedOffsets(broker, request.offsets);
  const reader = readerOf(request.offsets);
  const fences = reader === undefined ? [] : await fencesFor(broker, [{ ...reader, offsets }]);
  // What one part has too much of, no commit could take.
  checkItemCount({
    ledgers: new Set(runs.map(({ ledger }) => ledgerName(ledger))).size,
    offsets: offsetWrites(offsets, 0).length,
    guarded: true,
    members: fences.length,
  });
  const stored = await storeRuns(broker, runs, deadlineMs);
  return { ...stored, records, offsets, ...(reader && { reader }) };
}

/** Who has read what the offsets say, if that is anybody. */
export function readerOf({ group, member }: Partial<GroupOffsets> = {}): PartReader | undefined {
  return group === undefined || member === undefined ? undefined : { group, member };
}

function answerOf({ commits, places, records }: TransactionPart, repeated: boolean): Added {
  return {
    records: records.map(({ place, timestamp }) => {
      const { ledger, partition } = places[place] as (typeof places)[number];
      return { topic: commits[ledger]?.topic as string, partition, timestamp };
    }),
    repeated,
  };
}
