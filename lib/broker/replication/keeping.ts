/**
 * What writers ask of whoever looks after replicated ledgers in this process (keeper.ts): nobody else does, since there
 * is no controller.
 */
import type { ReplicaId } from '../../coordination/replication/replica-state.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { ReplicationRules } from './rules.ts';

export interface ReplicaKeeping {
  /**
   * Looks at the ledger's replicas as the newest known head and this process's health book show them, and carries out
   * what is due: who leaves or joins, elections, probes; copies are begun and not waited for. One look a ledger at a
   * time, which all who ask meanwhile share. Does nothing where the ledger has a single replica. Never rejects.
   */
  look(ledger: LedgerId, rules: ReplicationRules): Promise<void>;
  /**
   * An object arrived at a replica after the commit that names it was appended: to be noted, with others, in one write.
   */
  arrived(ledger: LedgerId, commitId: Uint8Array, replica: ReplicaId): void;
  /** Resolves when no look, no copy and no note is under way. */
  settled(): Promise<void>;
}
