/** From what was stored to the receipt that a repeated transaction is answered from. */
import {
  type PlacedRecord,
  packReceipt,
  type ReceiptLedger,
  type ReceiptPlace,
} from '../../coordination/transactions/receipt.ts';
import { ledgerName } from '../../kernel/ids.ts';
import { idOf } from '../../log/ledger/commit.ts';
import type { StoredLedger } from './intent.ts';
import type { PreparedRun } from './prepare.ts';

/** `topics`: the ledgers' topic names, in the same order. */
export function receiptLedgers(stored: readonly StoredLedger[], topics: readonly string[]): ReceiptLedger[] {
  return stored.map(({ ledger, head, commits }, index) => ({
    ledger,
    topic: topics[index] as string,
    seen: head.sealed,
    commits: commits.map(({ commit }) => idOf(commit)),
  }));
}

export function placesOf(runs: readonly PreparedRun[], stored: readonly StoredLedger[]): ReceiptPlace[] {
  const indexes = new Map(stored.map(({ ledger }, index) => [ledgerName(ledger), index]));
  return runs.map(({ ledger, slot, partition, run }) => {
    return { ledger: indexes.get(ledgerName(ledger)) as number, slot, partition, records: run.records };
  });
}

/** The names of the ledgers' topics. */
export function topicsOfLedgers(runs: readonly PreparedRun[], stored: readonly StoredLedger[]): string[] {
  const names = new Map(runs.map(({ ledger, topic }) => [ledgerName(ledger), topic.name]));
  return stored.map(({ ledger }) => names.get(ledgerName(ledger)) as string);
}

export function receiptOf(
  runs: readonly PreparedRun[],
  stored: readonly StoredLedger[],
  records: readonly PlacedRecord[],
): Uint8Array {
  const ledgers = receiptLedgers(stored, topicsOfLedgers(runs, stored));
  return packReceipt({ ledgers, places: placesOf(runs, stored), records });
}
