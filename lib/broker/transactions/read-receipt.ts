/**
 * Finds out where the records of a committed transaction are, from its receipt: its commits are in the heads, or in
 * pages since. A ledger may have sealed very many pages meanwhile; where the caller's time ends before they are read,
 * the fault is retriable and says so.
 */
import type { Receipt, ReceiptLedger } from '../../coordination/transactions/receipt.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { type BaseOffsets, offsetsInPage, offsetsInTail } from '../../log/ledger/append.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Broker } from '../broker.ts';

/**
 * By ledger of the receipt, the first offset of each slot's records. Whatever it fails with, the transaction is
 * committed: that is never told as `effect: none`.
 */
export async function readReceipt(broker: Broker, receipt: Receipt, deadlineMs: number): Promise<BaseOffsets[]> {
  try {
    return await mapBounded(receipt.ledgers, storageLimits.storageFanOutMax, (ledger) =>
      basesOf(broker, ledger, deadlineMs),
    );
  } catch (error) {
    throw withEffect(error, 'unknown');
  }
}

async function basesOf(broker: Broker, receipt: ReceiptLedger, deadlineMs: number): Promise<BaseOffsets> {
  const head = await broker.heads.strong(receipt.ledger);
  if (head === undefined) {
    const detail = `The transaction was committed, and the topic ${receipt.topic} has been deleted since.`;
    throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', detail);
  }
  const bases = new Map<number, number>();
  for (const id of receipt.commits) {
    const found = await find(broker, { ...receipt, id, head }, deadlineMs);
    for (const [slot, offset] of found) if (!bases.has(slot)) bases.set(slot, offset);
  }
  return bases;
}

async function find(
  broker: Broker,
  { ledger, seen, id, head }: Pick<ReceiptLedger, 'ledger' | 'seen'> & { id: Uint8Array; head: LedgerHead },
  deadlineMs: number,
): Promise<BaseOffsets> {
  const inTail = offsetsInTail(head, id);
  if (inTail !== undefined) return inTail;
  const first = Math.max(seen, head.retired);
  for (let sequence = first; sequence < head.sealed; sequence++) {
    if (broker.clock.monotonic() >= deadlineMs) throw lateError();
    const inPage = offsetsInPage(await broker.pages.get(ledger, sequence), id);
    if (inPage !== undefined) return inPage;
  }
  if (first > seen) {
    const detail = 'The transaction was committed; where its records are is not known any more.';
    throw new MillraceError('DUPLICATE_SEQUENCE_NUMBER', detail);
  }
  throw lateError();
}

function lateError(): MillraceError {
  return new MillraceError(
    'REQUEST_TIMED_OUT',
    'The transaction was committed; where its records are could not be read in time.',
    { facts: { retryAfterMs: requestLimits.retryAfterMsDefault } },
  );
}
