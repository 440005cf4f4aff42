/** Who waits for replicas has them looked at, now and then: nobody else may be there to do it. */
import type { LedgerId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import type { ReplicationRules } from '../replication/rules.ts';
import type { AppenderParts } from './parts.ts';

type LookParts = Pick<AppenderParts, 'keeper' | 'clock'>;

interface LookRequest {
  ledger: LedgerId;
  rules: ReplicationRules;
}

export class Looks {
  private readonly parts: LookParts;
  private readonly request: LookRequest;
  private nextMs: number;

  constructor(parts: LookParts, request: LookRequest) {
    this.parts = parts;
    this.request = request;
    this.nextMs = parts.clock.monotonic() + limits.replicaLookMs;
  }

  now(): void {
    this.nextMs = this.parts.clock.monotonic();
  }

  dueInMs(): number {
    return Math.max(0, this.nextMs - this.parts.clock.monotonic());
  }

  async ifDue(): Promise<void> {
    if (this.dueInMs() > 0) return;
    this.nextMs = this.parts.clock.monotonic() + limits.replicaLookMs;
    await this.parts.keeper.look(this.request.ledger, this.request.rules);
  }
}
