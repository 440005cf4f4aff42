/** What became of replicated ledgers, as the table and the buckets themselves show it. */
import type { ReplicaMask } from '../../lib/coordination/replication/replica-state.ts';

/** Offsets of a slot. */
export interface Range {
  ledger: string;
  slot: number;
  from: number;
  /** One past the last. */
  to: number;
}

/** One commit, in the write that appended it. */
export interface AppendStep {
  runs: Range[];
  /** Who is named as its holders; everyone, of an inline object. */
  holders: ReplicaMask;
  inSync: ReplicaMask;
}

export interface ElectionStep {
  ledger: string;
  epoch: number;
  kind: 'clean' | 'unclean' | 'preferred';
  cutOff: Range[];
  /** May be lost: what no replica has at the moment is passed over by readers. */
  lost: Range[];
}

export class ReplicationHistory {
  /** By topic, whether it may have a leader that is not in sync. */
  readonly uncleanAllowed = new Map<string, boolean>();
  readonly appends: AppendStep[] = [];
  readonly elections: ElectionStep[] = [];
  /** Other changes of heads, by kind, and copies. */
  readonly counts: Record<'leaves' | 'joining' | 'joins' | 'cursors' | 'copies', number> = {
    leaves: 0,
    joining: 0,
    joins: 0,
    cursors: 0,
    copies: 0,
  };
  /** Sentences on what was wrong in the table or in a bucket right after a write. */
  readonly broken: string[] = [];
  /** Sentences on what was not as before, after peace. */
  unrestored: string[] = [];
}
