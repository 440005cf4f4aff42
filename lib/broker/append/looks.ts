/** Who writes has the ledger's replicas looked at, now and then: nobody else may be there to do it. */
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import type { ReplicationRules } from '../replication/rules.ts';
import type { AppenderParts } from './parts.ts';

type LookParts = Pick<AppenderParts, 'keeper' | 'clock'>;

interface LookRequest {
  ledger: LedgerId;
  rules: ReplicationRules;
}

/** The looks of one who waits. */
export class Looks {
  private readonly parts: LookParts;
  private readonly request: LookRequest;
  private nextMs: number;

  constructor(parts: LookParts, request: LookRequest) {
    this.parts = parts;
    this.request = request;
    this.nextMs = parts.clock.monotonic() + replicationLimits.replicaLookMs;
  }

  now(): void {
    this.nextMs = this.parts.clock.monotonic();
  }

  dueInMs(): number {
    return Math.max(0, this.nextMs - this.parts.clock.monotonic());
  }

  async ifDue(): Promise<void> {
    if (this.dueInMs() > 0) return;
    this.nextMs = this.parts.clock.monotonic() + replicationLimits.replicaLookMs;
    await this.parts.keeper.look(this.request.ledger, this.request.rules);
  }
}

/** The looks of those who do not wait: functions have no timer, and a replica that is back must be seen by someone. */
export class PassingLooks {
  private readonly parts: LookParts;
  private readonly lastMs = new LruMap<string, number>(cacheLimits.headCacheEntries);

  constructor(parts: LookParts) {
    this.parts = parts;
  }

  /** Begins one, unless there was one of the ledger a moment ago. */
  passBy({ ledger, rules }: LookRequest): void {
    const name = ledgerName(ledger);
    const nowMs = this.parts.clock.monotonic();
    const lastMs = this.lastMs.get(name);
    if (lastMs !== undefined && nowMs - lastMs < replicationLimits.replicaLookMs) return;
    this.lastMs.set(name, nowMs);
    void this.parts.keeper.look(ledger, rules);
  }
}
