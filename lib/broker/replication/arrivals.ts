/**
 * Objects that arrived at a replica after the commit that names them was appended: kept until their commits are below
 * the replica's cursor, or not in the tail any more. Nothing depends on it: the copier finds whatever is forgotten.
 */
import { type HeadView, heldUpTo, numberInTail } from '../../coordination/replication/ledger-view.ts';
import { has, members, type ReplicaId, type ReplicaMask } from '../../coordination/replication/replica-state.ts';
import { toHex } from '../../kernel/bytes.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { Cursors } from './cursors.ts';

interface Waiting {
  /** Where it arrived, by commit id. */
  arrived: Map<string, { id: Uint8Array; replicas: ReplicaMask }>;
  /** Some arrived after the last write was planned. */
  news: boolean;
}

export class Arrivals {
  private readonly cursors: Cursors;
  private readonly log: BrokerLog;
  private readonly ledgers = new LruMap<string, Waiting>(cacheLimits.headCacheEntries);
  private readonly writing = new Map<string, Promise<void>>();

  constructor({ cursors, log }: { cursors: Cursors; log: BrokerLog }) {
    this.cursors = cursors;
    this.log = log;
  }

  /** The commit must be in the newest known head. What arrives during a write is in the next one. */
  note(ledger: LedgerId, id: Uint8Array, replica: ReplicaId): void {
    const name = ledgerName(ledger);
    const waiting = this.ledgers.get(name) ?? { arrived: new Map(), news: true };
    this.ledgers.set(name, waiting);
    const key = toHex(id);
    waiting.arrived.set(key, { id, replicas: (waiting.arrived.get(key)?.replicas ?? 0) | (1 << replica) });
    if (waiting.arrived.size > replicationLimits.replicaArrivalsMax)
      waiting.arrived.delete(waiting.arrived.keys().next().value ?? '');
    waiting.news = true;
    if (!this.writing.has(name)) this.begin(ledger, name, waiting);
  }

  async settled(): Promise<void> {
    while (this.writing.size > 0) await Promise.all(this.writing.values());
  }

  private begin(ledger: LedgerId, name: string, waiting: Waiting): void {
    const writing = this.write(ledger, waiting)
      .catch((error: unknown) => this.log.warn('The place of a replica could not be noted', { ledger: name, error }))
      .finally(() => {
        this.writing.delete(name);
        if (waiting.news) this.begin(ledger, name, waiting);
      });
    this.writing.set(name, writing);
  }

  private async write(ledger: LedgerId, waiting: Waiting): Promise<void> {
    // Whoever reports several arrivals one after the other has reported them all then.
    await Promise.resolve();
    while (waiting.news) {
      waiting.news = false;
      await this.cursors.raise(ledger, (view) => heldWith(view, waiting));
    }
    if (waiting.arrived.size === 0) this.ledgers.delete(ledgerName(ledger));
  }
}

/** How far the replicas hold the ledger with what arrived; forgets what they do not need to know it any more. */
function heldWith(view: HeadView, { arrived }: Waiting): Map<ReplicaId, number> {
  const { replicas } = view.state;
  const held = new Map(
    replicas.map((replica) => {
      const also = (id: Uint8Array) => has(arrived.get(toHex(id))?.replicas ?? 0, replica);
      return [replica, heldUpTo(view, replica, ({ id }) => also(id))] as const;
    }),
  );
  const raised = new Map([...held].filter(([replica, upTo]) => upTo > heldUpTo(view, replica)));
  for (const [key, { id, replicas: where }] of arrived) {
    const number = numberInTail(view, id);
    if (number === undefined || members(where).every((replica) => number < (view.cursors[replica] as number))) {
      arrived.delete(key);
    }
  }
  return raised;
}
