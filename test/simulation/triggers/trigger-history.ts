/**
 * What functions and destinations were given by dispatchers, and what the table held meanwhile; the checkers judge the
 * one by the other.
 */
import type { Lease } from '../../../lib/coordination/triggers/lease-item.ts';
import type { TriggerRecord as StoredRecord } from '../../../lib/coordination/triggers/trigger-item.ts';
import type { FailureCondition } from '../../../lib/triggers/ports.ts';

/** `<topic id>:<partition>`, which a topic that was created anew does not share with the one before. */
export type PartitionName = string;

export interface RunRecord {
  offset: number;
  key: string | null;
  value: string;
}

/** What an invocation means for its records, whatever the dispatcher makes of the answer. */
export type Meaning =
  | { kind: 'running' }
  | { kind: 'succeeded' }
  | { kind: 'failed' }
  /** All before this offset is done. */
  | { kind: 'partial'; firstFailed: number };

/** One invocation that has begun. */
export interface Run {
  /** Which function, and with it which trigger; one that is made anew has another. */
  target: string;
  group: string;
  /** As the event has it: `<topic>-<partition>`. */
  place: string;
  records: readonly RunRecord[];
  /** The dispatcher's process. */
  by: string;
  /** When the dispatcher decided on it. */
  issued: number;
  issuedMs: number;
  startedMs: number;
  /** Infinite while it runs. */
  endedMs: number;
  /** The moment of its end. */
  ended: number;
  meaning: Meaning;
  window?: { startMs: number; isFinal: boolean; passed: WindowState; returned?: WindowState };
}

/** What the functions of windows carry on: the values of all records that succeeded. */
export interface WindowState {
  values?: string[];
}

/** Records that were given up: sent, or dropped where the trigger has no destination. */
export interface GivenUp {
  group: string;
  partition: PartitionName;
  condition: FailureCondition;
  /** None of the end of a window. */
  offsets: readonly number[];
  by: string;
  issued: number;
  issuedMs: number;
  /** The moment at which the destination had it; infinite where it did not get it. */
  received: number;
}

/** One write of a lease that was applied. */
export interface LeaseStep {
  moment: number;
  atMs: number;
  /** Absent: it was deleted. */
  lease?: Lease;
  /** Taken out of the hands of its holder, by a replay. */
  isFence: boolean;
  /** How often what it knew of attempts was done away with before: by a fence, a deletion, other lanes. */
  lineage: number;
}

/** One offset of one applied write. */
export interface CommitStep {
  moment: number;
  atMs: number;
  offset: number;
  /** By a dispatcher, together with its lease. */
  isDelivery: boolean;
}

export interface TriggerStep {
  moment: number;
  atMs: number;
  /** Absent: it was deleted. */
  record?: StoredRecord;
}

/** One partition of one group, as it was found at the end. */
export interface FinalPartition {
  group: string;
  topic: string;
  partition: PartitionName;
  place: string;
  committed: number | undefined;
  end: number;
  records: { offset: number; key: string | null; value: string; timestamp: number }[];
  /** The group's trigger, where it is to have delivered all of it. */
  isDue: boolean;
  /** Of its lease: a window that has begun and not ended. */
  hasOpenWindow: boolean;
}

export class TriggerHistory {
  readonly runs: Run[] = [];
  readonly givenUp: GivenUp[] = [];
  /** By group and partition: `<group>/<partition>`. */
  readonly leases = new Map<string, LeaseStep[]>();
  readonly commits = new Map<string, CommitStep[]>();
  /** By group: all triggers that have driven it. */
  readonly triggers = new Map<string, TriggerStep[]>();
  /** Who holds the lease that names this holder. */
  readonly holders = new Map<string, string>();
  /** When a process did not notice what went on: it was frozen, or could not read its trigger. */
  readonly blind = new Map<string, { fromMs: number; toMs: number }[]>();
  finals: FinalPartition[] = [];
  /** Triggers that are neither ready nor gone at the end. */
  unfinished: string[] = [];
  /** Clocks differed by more than they may. */
  clocksAreWrong = false;
  /** What happened otherwise, counted by name. */
  readonly counts = new Map<string, number>();
  private moment = 0;

  /** A moment later than all before. */
  tick(): number {
    return this.moment++;
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  sawNothing(process: string, fromMs: number, toMs: number): void {
    const spans = this.blind.get(process) ?? [];
    spans.push({ fromMs, toMs });
    this.blind.set(process, spans);
  }
}

/** The newest of the steps before a moment, or at it. */
export function stepAt<T extends { moment: number }>(steps: readonly T[] | undefined, moment: number): T | undefined {
  return steps?.findLast((step) => step.moment <= moment);
}
