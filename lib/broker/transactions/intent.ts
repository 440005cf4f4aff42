/** A transaction that is ready to be committed: its bytes are stored, and what is left is one atomic write. */

import type { Fence } from '../../coordination/groups/fence.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { ItemKey, Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import type { BaseOffsets } from '../../log/ledger/append.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { overLimit } from '../../storage/metadata/check-writes.ts';
import type { Placement } from '../append/placement.ts';
import type { ReplicationRules } from '../replication/rules.ts';

export interface StoredLedger {
  ledger: LedgerId;
  /** The newest head that is known. No attempt to commit was made before it was read. */
  head: LedgerHead;
  commits: readonly StoredCommit[];
  /**
   * Where another process may have committed the same transaction before: the seals when its bytes were stored, since
   * its commits are in no earlier page. That such an attempt and this one do not both apply is for the guard to see to.
   */
  storedAtSeals?: number;
  /** What the topic says of its replicas. */
  rules: ReplicationRules;
}

export interface StoredCommit {
  commit: Commit;
  /** Its bytes by slot, for the cache of who made them; not there where another process did, as the next. */
  chunks?: ReadonlyMap<number, Uint8Array[]>;
  /** Where its object is, and what sends it to more replicas. */
  placement?: Placement;
  /** Of an entry for a bundle: what is in it. */
  bundled?: readonly Commit[];
}

export interface Intent {
  /**
   * Those that bundles are appended to come first. A bundle has an id of its own in every intent, while other commits
   * have the same in those of several processes: what became of this intent is seen in the first ledger.
   */
  ledgers: readonly StoredLedger[];
  /** The new state of the transactional id, which is conditioned on the one that was decided upon. */
  guard?: Write & { kind: 'put' };
  /** That the members of groups whose offsets these are may still commit them: one for each member. */
  fences: readonly Fence[];
  /** Unconditional updates. */
  offsets: readonly Write[];
  /** When the caller stops waiting, by the monotonic clock. */
  deadlineMs: number;
}

export type CommitOutcome =
  /**
   * Where the records are: by ledger, in the intent's order, the first offset of each slot. `found`: an attempt before
   * had been applied, or another process's.
   */
  | { outcome: 'committed'; bases: readonly BaseOffsets[]; found: boolean }
  /**
   * The transactional id is not as it was: nothing of this intent can be applied any more. Where it appends to a
   * ledger, nothing was; where not, `unknown` says whether an attempt may have been.
   */
  | { outcome: 'superseded'; unknown: boolean }
  /** The sweeper has given the bytes up. They are not in any ledger and never will be. */
  | { outcome: 'swept' };

export function intentKeys(
  { ledgers, guard, fences, offsets }: Intent,
  headKey: (ledger: LedgerId) => ItemKey,
): string[] {
  const keys = [...ledgers.map(({ ledger }) => headKey(ledger)), ...[...fences, ...offsets].map(({ key }) => key)];
  if (guard !== undefined) keys.push(guard.key);
  return keys.map(({ pk, sk }) => JSON.stringify([pk, sk]));
}

export interface ItemCount {
  ledgers: number;
  offsets: number;
  guarded: boolean;
  /** Members that are fenced. */
  members: number;
}

/** Throws `POLICY_VIOLATION` where a transaction is of more items than one atomic write has. */
export function checkItemCount({ ledgers, offsets, guarded, members }: ItemCount): void {
  const items = ledgers + offsets + (guarded ? 1 : 0) + members;
  if (items <= storageLimits.transactionItemsMax) return;
  const id = guarded ? ', its transactional id' : '';
  const member = members === 0 ? '' : members === 1 ? ', a member' : `, ${members} members`;
  const what = `A transaction of ${items} items (${ledgers} ledgers, ${offsets} items of offsets${id}${member})`;
  throw overLimit('transactionItemsMax', what, storageLimits.transactionItemsMax);
}
