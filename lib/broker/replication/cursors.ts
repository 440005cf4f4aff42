/** Raises the cursors of a ledger's replicas: one write for as many commits and replicas as are known of. */
import type { HeadView, LedgerView } from '../../coordination/replication/ledger-view.ts';
import { planCursor } from '../../coordination/replication/membership.ts';
import type { ReplicaId } from '../../coordination/replication/replica-state.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Condition, Write } from '../../kernel/items.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { decodeHead } from '../../log/ledger/head.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import type { HeadCache } from '../ledger/head-cache.ts';
import { ledgerView } from '../ledger/replicated.ts';

/** How far replicas hold a ledger, as the caller knows it of the head that it is shown. */
export type KnownHeld = (view: HeadView) => ReadonlyMap<ReplicaId, number>;

export class Cursors {
  private readonly metadata: MetadataStore;
  private readonly heads: HeadCache;

  constructor({ metadata, heads }: { metadata: MetadataStore; heads: HeadCache }) {
    this.metadata = metadata;
    this.heads = heads;
  }

  /**
   * Writes what the newest known head does not say yet. Where that was changed by others, `held` is asked again. Throws
   * what the storage fails with, or gives up, after too many others: a cursor is nothing that must be written now.
   */
  async raise(ledger: LedgerId, held: KnownHeld): Promise<void> {
    for (let attempt = 0; attempt < replicationLimits.replicaChangesPerLookMax; attempt++) {
      const head = await this.heads.known(ledger);
      const view = head && ledgerView(ledger, head);
      const write = view && planCursors(view, held(view));
      if (write === undefined) return;
      const result = await this.metadata.write([write]);
      if (result.item === undefined) return this.heads.drop(ledger);
      this.heads.update(ledger, decodeHead(result.item));
      if (result.outcome === 'applied') return;
    }
  }
}

/** `undefined` where the head says it all. Refused as a whole: who decides anew leaves out what others have written. */
function planCursors(view: LedgerView, held: ReadonlyMap<ReplicaId, number>): Write | undefined {
  const set: Attributes = {};
  const conditions: Condition[] = [];
  for (const [replica, upTo] of held) {
    const write = planCursor(view, replica, upTo);
    if (write?.kind !== 'update') continue;
    Object.assign(set, write.changes.set);
    conditions.push(...(write.conditions ?? []));
  }
  if (conditions.length === 0) return undefined;
  return { kind: 'update', key: view.key, changes: { set, add: { v: 1 } }, conditions: distinct(conditions) };
}

/** That epoch and set are unchanged is a condition of each. */
function distinct(conditions: readonly Condition[]): Condition[] {
  return [...new Map(conditions.map((condition) => [JSON.stringify(condition), condition])).values()];
}
