/**
 * Commits an open transaction: everything that was added to it appears at once, or nothing does and the caller hears
 * why. Committing it again gives the first answer.
 *
 * Where members of groups have read what the parts' offsets say, they are in the write's conditions: a commit of one
 * that was fenced since is refused, and leaves the transaction open, to be aborted.
 */
import { type Caller, decideCommit, decideExpire } from '../../coordination/transactions/decide.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import type { Raise } from '../../coordination/transactions/next-epoch.ts';
import { decodePart, partKey, type TransactionPart } from '../../coordination/transactions/part-item.ts';
import {
  packReceipt,
  type Receipt,
  type ReceiptPlace,
  unpackReceipt,
} from '../../coordination/transactions/receipt.ts';
import { planTransactional, type TransactionalState } from '../../coordination/transactions/transactional-item.ts';
import { assert } from '../../kernel/assert.ts';
import { bytesEqual } from '../../kernel/bytes.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName, OBJECT_RANDOM_BYTES } from '../../kernel/ids.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { BaseOffsets } from '../../log/ledger/append.ts';
import { type Commit, unpackCommit } from '../../log/ledger/commit.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import { retryPauseMs } from '../../storage/retry.ts';
import { goneError } from '../append/parts.ts';
import { ONE_IS_ENOUGH } from '../append/unit.ts';
import type { Broker } from '../broker.ts';
import { fencesFor, type MemberCommit } from '../groups/fenced-offsets.ts';
import { headView } from '../ledger/replicated.ts';
import { rulesOf } from '../replication/rules.ts';
import { type CommitOutcome, checkItemCount, type Intent, type StoredLedger } from './intent.ts';
import { receiptLedgers } from './make-receipt.ts';
import { offsetWrites } from './prepare.ts';
import { readReceipt } from './read-receipt.ts';
import { discardBundles, makesBundle, storeBundle } from './store-bundles.ts';
import { discardParts, readState, throwRefusal } from './transactional-states.ts';

export interface CommitRequest {
  transactionalId: string;
  caller: Caller;
  /** The producer gets its next epoch with the commit: of the caller's epoch that is the end. */
  raise?: Raise;
}

export interface CommittedTransaction {
  /** A partition's records lie one after the other from the base offset on, in the order in which they were added. */
  partitions: { topic: string; partition: number; baseOffset: number; records: number }[];
  repeated: boolean;
}

export async function commitTransaction(broker: Broker, request: CommitRequest): Promise<CommittedTransaction> {
  const { transactionalId: id } = request;
  checkTransactionalId(id);
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  return broker.committer.inLine(id, async () => {
    // Of a transaction of offsets alone the last round may have been applied, and the id been taken over since.
    let unknown = false;
    for (let round = 0; round < transactionLimits.transactionDecisionsMax; round++) {
      const step = await decideAndCommit(broker, request, deadlineMs).catch((error: unknown) => {
        throw unknown ? withEffect(error, 'unknown') : error;
      });
      if ('partitions' in step) return step;
      unknown = step.unknown;
      await broker.clock.sleep(retryPauseMs(round, broker.random));
    }
    const detail = 'The commit met too many other changes of its transactional id; try again.';
    const facts = { retryAfterMs: requestLimits.retryAfterMsDefault };
    throw new MillraceError('CONCURRENT_TRANSACTIONS', detail, { effect: unknown ? 'unknown' : 'none', facts });
  });
}

/** The state has changed meanwhile; `unknown`: perhaps by this commit, of an attempt whose answer was lost. */
interface Superseded {
  unknown: boolean;
}

async function decideAndCommit(
  broker: Broker,
  { transactionalId: id, caller, raise }: CommitRequest,
  deadlineMs: number,
): Promise<CommittedTransaction | Superseded> {
  const state = await readState(broker, id);
  const decision = decideCommit(state, caller, { nowMs: broker.clock.now(), ...(raise && { raise }) });
  if (decision.decision === 'refuse') {
    await throwRefusal(broker, id, decision, state?.parts);
    return { unknown: false };
  }
  if (decision.decision === 'repeat') {
    const receipt = unpackReceipt(decision.receipt);
    return { ...partitionsOf(receipt, await readReceipt(broker, receipt, deadlineMs)), repeated: true };
  }
  assert(state !== undefined, 'what is committed was begun');
  const parts = await readParts(broker, { id, ...caller }, state.parts);
  // It was open when the state was read, and so is not committed by an attempt from before.
  if (parts === undefined) return { unknown: false };
  const gathered = gather(parts);
  const offsets = offsetWrites(
    parts.flatMap((part) => part.offsets),
    broker.clock.now(),
  );
  const fences = await fencesFor(broker, parts.flatMap(memberCommitOf));
  checkItemCount({ ledgers: gathered.length, offsets: offsets.length, guarded: true, members: fences.length });
  const { stored, receipt } = await assemble(broker, gathered);
  const next = { ...decision.next, token: broker.random.bytes(OBJECT_RANDOM_BYTES), receipt: packReceipt(receipt) };
  const outcome = await commitOrDiscard(broker, {
    ledgers: stored,
    guard: planTransactional(id, next),
    fences,
    offsets,
    deadlineMs,
  });
  switch (outcome.outcome) {
    case 'fenced':
      // Once more: it says how, or that the member has a newer epoch, which nobody said is too new.
      return { unknown: false };
    case 'superseded':
      return { unknown: outcome.unknown };
    case 'swept':
      await throwSwept(broker, id, state);
      return { unknown: false };
    case 'committed': {
      const repeated = outcome.found && !(await isOurs(broker, id, next.token));
      if (!repeated) count(broker, stored);
      discardParts(broker, { id, ...caller }, state.parts);
      return { ...partitionsOf(receipt, outcome.bases), repeated };
    }
  }
}

/** What was stored for a commit that can never be is not left behind. */
async function commitOrDiscard(broker: Broker, intent: Intent): Promise<CommitOutcome | { outcome: 'fenced' }> {
  try {
    const outcome = await broker.committer.commit(intent);
    if (outcome.outcome !== 'committed') discardBundles(broker, intent.ledgers);
    return outcome;
  } catch (error) {
    if (!(error instanceof MillraceError) || error.effect !== 'none') throw error;
    discardBundles(broker, intent.ledgers);
    if (error.code === 'FENCED_MEMBER_EPOCH') return { outcome: 'fenced' };
    throw error;
  }
}

function memberCommitOf({ reader, offsets }: TransactionPart): MemberCommit[] {
  return reader === undefined ? [] : [{ ...reader, offsets }];
}

/** Whether it was this call that committed, and not another process that was asked the same. */
async function isOurs(broker: Broker, id: string, token: Uint8Array): Promise<boolean> {
  const state = await readState(broker, id).catch((error: unknown) => {
    throw withEffect(error, 'unknown');
  });
  return state !== undefined && bytesEqual(state.token, token);
}

/** `undefined` where one is gone: then the transaction has ended since the state was read. */
async function readParts(
  broker: Broker,
  transaction: { id: string; epoch: number; number: number },
  count: number,
): Promise<TransactionPart[] | undefined> {
  const { pk, sk: to } = partKey(transaction, count);
  const parts: TransactionPart[] = [];
  let from: string | undefined = partKey(transaction, 0).sk;
  while (from !== undefined) {
    const page: QueryPage = await broker.metadata.query({ pk, from, to, limit: count, consistency: 'strong' });
    parts.push(...page.items.map(({ attributes }) => decodePart(attributes)));
    from = page.next;
  }
  return parts.length === count ? parts : undefined;
}

interface Gathered {
  ledger: LedgerId;
  topic: string;
  storedAtSeals: number;
  commits: Commit[];
  /** By slot. */
  places: Map<number, Omit<ReceiptPlace, 'ledger'>>;
}

/** What the parts bring to each ledger, as commits that are ready to be appended. */
async function assemble(
  broker: Broker,
  gathered: readonly Gathered[],
): Promise<{ stored: StoredLedger[]; receipt: Receipt }> {
  const stored = await mapBounded(
    gathered,
    storageLimits.storageFanOutMax,
    async ({ ledger, topic, storedAtSeals, commits }) => {
      const head = await broker.heads.known(ledger);
      if (head === undefined) throw goneError();
      const rules = headView(head) === undefined ? ONE_IS_ENOUGH : rulesOf((await broker.topics.get(topic)).config);
      if (!makesBundle(commits)) {
        return { ledger, head, rules, storedAtSeals, commits: commits.map((commit) => ({ commit })) };
      }
      const commit = await storeBundle(broker, ledger, commits);
      return { ledger, head, rules, commits: [{ commit, bundled: commits }] };
    },
  );
  const topics = gathered.map(({ topic }) => topic);
  const places = gathered.flatMap(({ places: own }, index) =>
    Array.from(own.values(), (place) => ({ ...place, ledger: index })),
  );
  return { stored, receipt: { ledgers: receiptLedgers(stored, topics), places, records: [] } };
}

/** By ledger; those that a bundle is appended to first, as the committer wants them. */
function gather(parts: readonly TransactionPart[]): Gathered[] {
  const ledgers: Gathered[] = [];
  const indexes = new Map<string, number>();
  for (const { commits, places } of parts) {
    for (const [index, { ledger, topic, seen, packed }] of commits.entries()) {
      const own = indexes.get(ledgerName(ledger)) ?? ledgers.length;
      indexes.set(ledgerName(ledger), own);
      const gathered = (ledgers[own] ??= { ledger, topic, storedAtSeals: seen, commits: [], places: new Map() });
      gathered.storedAtSeals = Math.min(gathered.storedAtSeals, seen);
      gathered.commits.push(unpackCommit(packed));
      for (const { ledger: of, slot, partition, records } of places) {
        if (of !== index) continue;
        const before = gathered.places.get(slot)?.records ?? 0;
        gathered.places.set(slot, { slot, partition, records: before + records });
      }
    }
  }
  return ledgers.sort((a, b) => Number(makesBundle(b.commits)) - Number(makesBundle(a.commits)));
}

function partitionsOf(
  { ledgers, places }: Receipt,
  bases: readonly BaseOffsets[],
): Pick<CommittedTransaction, 'partitions'> {
  const partitions = places.map(({ ledger, slot, partition, records }) => {
    const baseOffset = bases[ledger]?.get(slot);
    assert(baseOffset !== undefined, `the transaction has records in the slot ${slot}`);
    return { topic: ledgers[ledger]?.topic as string, partition, baseOffset, records };
  });
  return { partitions };
}

/** Its bytes are gone, and so it is over, whatever the clocks say. */
async function throwSwept(broker: Broker, id: string, state: TransactionalState): Promise<'again'> {
  const refusal = { reason: 'not-ongoing', number: state.number, status: 'aborted', abortReason: 'timed-out' } as const;
  return throwRefusal(broker, id, { decision: 'refuse', refusal, next: decideExpire(state) }, state.parts);
}

function count(broker: Broker, stored: readonly StoredLedger[]): void {
  const runs = stored.flatMap(({ commits }) => commits.flatMap(({ commit }) => commit.runs));
  const sum = (of: 'records' | 'bytes') => runs.reduce((total, run) => total + run[of], 0);
  if (runs.length > 0) broker.meter.produced(sum('records'), sum('bytes'));
}
