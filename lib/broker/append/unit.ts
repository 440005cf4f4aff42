/** What waits for a flush: one request's batches for one partition, and the promise of their offset. */
import type { Acks } from '../../coordination/replication/uploads.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { BatchRun } from '../../log/segment/layout.ts';
import type { ReplicationRules } from '../replication/rules.ts';

export interface AppendRequest {
  ledger: LedgerId;
  slot: number;
  run: BatchRun;
  /** Append only if the partition's next offset is this one. */
  expectedOffset?: number;
  /** Append only if these are the producer's next records in the partition; answer where they are if they are there. */
  sequence?: ProducerSequence;
  /** Who must have the records before they are answered for; `all` where absent. */
  acks?: Acks;
  /** What the topic says of its replicas; by default that one is enough. */
  rules?: ReplicationRules;
  /** When the caller stops waiting, by the monotonic clock. */
  deadlineMs: number;
}

/** Which of a producer's records these are. */
export interface ProducerSequence {
  /** The producer's key in ledgers, see producer-key.ts. */
  producer: string;
  epoch: number;
  /** Of the run's first record. */
  firstSequence: number;
}

export interface Appended {
  baseOffset: number;
  /** They were there before. */
  duplicate: boolean;
}

export interface Unit extends AppendRequest {
  resolve(appended: Appended): void;
  reject(error: unknown): void;
}

export const ONE_IS_ENOUGH: ReplicationRules = { minInSync: 1, uncleanAllowed: false };

export function acksOf({ acks = 'all' }: AppendRequest): Acks {
  return acks;
}

/** What the topic said of its replicas when the request came. */
export function rulesFor({ rules = ONE_IS_ENOUGH }: AppendRequest): ReplicationRules {
  return rules;
}

/** Of units that are appended together: the strongest of what they ask for, and the newest of what their topic says. */
export function strongestOf(units: readonly AppendRequest[]): { acks: Acks; rules: ReplicationRules } {
  const acks = units.some((unit) => acksOf(unit) === 'all') ? 'all' : 'leader';
  return { acks, rules: units.at(-1)?.rules ?? ONE_IS_ENOUGH };
}
