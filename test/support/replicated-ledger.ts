/** A small replicated ledger by hand, for tests of what is decided on it. */
import type { LedgerView, TailCommit } from '../../lib/coordination/replication/ledger-view.ts';
import { maskOf, type ReplicaState } from '../../lib/coordination/replication/replica-state.ts';

/** One commit of the tail: one record of 10 bytes in slot 0, unless it says otherwise. */
export function tailCommit(
  number: number,
  holders: readonly number[],
  { inline = false, slot = 0, records = 1 }: { inline?: boolean; slot?: number; records?: number } = {},
): TailCommit {
  const id = Uint8Array.of(number);
  return { packed: id, id, holders: maskOf(holders), inline, runs: [{ slot, records, bytes: 10 * records }] };
}

export const THREE: ReplicaState = { replicas: [0, 1, 2], leader: 0, inSync: 0b111, joining: 0 };

/** `paged` commits of slot 0 in pages, then the tail. */
export function ledgerOf(
  tail: readonly TailCommit[],
  { state = {}, cursors = [], paged = 0 }: { state?: Partial<ReplicaState>; cursors?: number[]; paged?: number } = {},
): LedgerView {
  const next = Array<number>(16).fill(0);
  next[0] = paged;
  for (const { runs } of tail) for (const { slot, records } of runs) next[slot] = (next[slot] as number) + records;
  return {
    key: { pk: 'ledger#t#0', sk: 'head' },
    version: 40,
    epoch: 3,
    isrVersion: 7,
    next,
    tail,
    recent: [Uint8Array.of(200), ...tail.map(({ id }) => id)],
    state: { ...THREE, ...state },
    cursors: Array.from({ length: 8 }, (_, replica) => cursors[replica] ?? 0),
    paged,
  };
}
