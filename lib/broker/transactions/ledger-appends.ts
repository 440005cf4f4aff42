/**
 * Several commits to one ledger in one update of its head: a transaction that was added to in parts brings one for
 * each, and transactions that share a write bring theirs together. An update can name an attribute once, so that what
 * `planAppend` says of each is added up; every condition of each must hold.
 */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Changes, Condition, Value, Write } from '../../kernel/items.ts';
import { ledgerLimits } from '../../kernel/limits/ledger.ts';
import { isRecent, planAppend } from '../../log/ledger/append.ts';
import { type Commit, idOf } from '../../log/ledger/commit.ts';
import { decodeHead, GAPS_ATTRIBUTE, gapsOf, type LedgerHead } from '../../log/ledger/head.ts';

/** What a transaction appends to one ledger, in the order in which the records get offsets. */
export interface LedgerAppend {
  ledger: LedgerId;
  commits: readonly Commit[];
  epoch: number;
  isrVersion: number;
  /** Seals that the writer has seen; see log/ledger/append.ts. */
  seen: number;
  /**
   * Of a replicated ledger: the gaps of a head in which readers see all there is. As long as there are no more, they
   * will see at once what is appended (log/ledger/head.ts, `gapsOf`).
   */
  gaps?: number;
}

export type Update = Write & { kind: 'update' };

export function planLedgerAppend({ commits, gaps, ...plan }: LedgerAppend): Update {
  const update = mergeAppends(commits.map((commit) => planAppend({ ...plan, commit })));
  const attribute = GAPS_ATTRIBUTE;
  if (gaps === 0) update.conditions?.push({ clause: 'absent', attribute });
  else if (gaps !== undefined) update.conditions?.push({ clause: 'equals', attribute, value: gaps });
  return update;
}

/**
 * One update that does what these appends to one ledger do, or nothing; never those that differ in what they expect.
 */
export function mergeAppends(writes: readonly Write[]): Update {
  const [first] = writes;
  assert(first !== undefined, 'a transaction appends something');
  const add: Record<string, number> = {};
  const append: Record<string, Value[]> = {};
  const conditions = new Map<string, Condition>();
  for (const write of writes) {
    assert(write.kind === 'update' && write.key.pk === first.key.pk, 'all appends are to one ledger');
    const { add: counts = {}, append: lists = {}, ...others } = write.changes;
    assert(Object.keys(others).length === 0, 'an append counts up and appends, and nothing else');
    for (const [name, count] of Object.entries(counts)) add[name] = (add[name] ?? 0) + count;
    for (const [name, values] of Object.entries(lists)) append[name] = [...(append[name] ?? []), ...values];
    for (const condition of write.conditions ?? []) {
      if (condition.clause !== 'shorter') conditions.set(keyOf(condition), condition);
    }
  }
  const entries = append['t']?.length ?? 0;
  const room: Condition = { clause: 'shorter', attribute: 't', length: ledgerLimits.tailEntriesMax - entries + 1 };
  const changes: Changes = { add, append };
  return { kind: 'update', key: first.key, changes, conditions: [...conditions.values(), room] };
}

/** The same clause twice is one. */
function keyOf(condition: Condition): string {
  const value = 'value' in condition ? condition.value : undefined;
  const text = value instanceof Uint8Array ? [...value].join(' ') : String(value);
  return `${condition.clause}/${'attribute' in condition ? condition.attribute : ''}/${text}`;
}

/** Why a head refused a transaction's append, in the order in which the reasons must be looked at. */
export type LedgerRefusal =
  | { reason: 'gone' }
  | { reason: 'committed'; head: LedgerHead }
  | { reason: 'swept'; head: LedgerHead }
  | { reason: 'stale'; head: LedgerHead }
  | { reason: 'fenced'; head: LedgerHead }
  /**
   * An append with acks=leader has left a gap since: what is appended behind it may be seen later than other ledgers'.
   */
  | { reason: 'gap'; head: LedgerHead }
  | { reason: 'full'; head: LedgerHead };

/** As `explainRefusal` (log/ledger/append.ts) for several commits, of which all were applied or none. */
export function explainLedgerRefusal(plan: LedgerAppend, item: Attributes | undefined): LedgerRefusal {
  if (item === undefined) return { reason: 'gone' };
  const head = decodeHead(item);
  if (plan.commits.some((commit) => isRecent(head, idOf(commit)))) return { reason: 'committed', head };
  if (plan.commits.some(({ object }) => head.swept >= object.birthMs)) return { reason: 'swept', head };
  if (head.sealed > plan.seen + ledgerLimits.sealsRemembered) return { reason: 'stale', head };
  if (head.epoch !== plan.epoch || head.isrVersion !== plan.isrVersion) return { reason: 'fenced', head };
  if (plan.gaps !== undefined && gapsOf(head) !== plan.gaps) return { reason: 'gap', head };
  const room = ledgerLimits.tailEntriesMax - head.tail.length;
  assert(room < plan.commits.length, 'a transaction is refused for a reason that is known here');
  return { reason: 'full', head };
}
