/**
 * What was asked and answered in a simulated life of stored logs, and the logs as they truly were; the checkers judge
 * one by the other.
 */
import type { TopicId } from '../../../lib/kernel/ids.ts';
import type { Subject } from '../../../lib/log/erasure/erase.ts';
import type { LifecyclePlan } from './lifecycle-settings.ts';

/** A partition under the name of its topic, which may be another topic's later. */
export interface Place {
  topic: string;
  partition: number;
}

/** `<topic id>/<partition>` */
export type PartitionName = string;

export function partitionName(topicId: TopicId, partition: number): PartitionName {
  return `${topicId}/${partition}`;
}

export interface TrueRecord {
  /** Everything of it that must stay. */
  text: string;
  timestamp: number;
  key: string;
  /** Whose it is, by its header. */
  subject?: string;
  /** Says that its key has no value any more. */
  isTombstone: boolean;
  /** Of its batch, at the batch's first record; 0 at others. */
  batchBytes: number;
  /** When it was committed, in order and in virtual time. */
  moment: number;
  atMs: number;
}

/** A log start, from a moment on. */
export interface StartStep {
  moment: number;
  atMs: number;
  start: number;
}

export interface TruePartition extends Place {
  topicId: TopicId;
  /** By offset. */
  records: TrueRecord[];
  starts: StartStep[];
}

/** An erasure as the table has it, and what it left behind. */
export interface TrueErasure {
  id: string;
  askedAt: number;
  subject: Subject | undefined;
  partitions: Map<PartitionName, { /** Records below are taken out. */ end: number; fixedAt: number; removed: number }>;
  doneAt?: number;
  /** What held records of it when it was done, or in the end. */
  left: string[];
}

/** A transaction that somebody asked for. */
export interface TransactionAnswer {
  /** Of its records that have one; no other record has it. */
  values: string[];
  outcome: 'committed' | 'aborted' | 'unknown';
}

/** Somebody was told that what is in the topic is going to be erased. */
interface ErasureAnswer {
  id: string;
  topic: string;
  askedAt: number;
  answeredAt: number;
}

/** Records that were acked from an offset on. */
export interface AckEvent extends Place {
  writer: string;
  baseOffset: number;
  texts: string[];
}

/** The newest batch that a producer was acked, sent once more. */
export interface RetryEvent extends Place {
  producer: string;
  offset: number;
  answer: { kind: 'offset'; offset: number } | { kind: 'place unknown' };
}

interface Asked extends Place {
  reader: string;
  askedAt: number;
  answeredAt: number;
}

/** Records that a reader was given, however it asked. */
export interface ReadingEvent extends Asked {
  how: 'fetch' | 'plan' | 'url' | 'scan' | 'audit';
  from: number;
  /** Where it was told to go on, or the end of what it asked for. */
  to: number;
  records: { offset: number; text: string }[];
}

/** Where a partition was said to begin. */
export interface EarliestEvent extends Asked {
  offset: number;
}

/** The first record since a time; `undefined`: there is none. */
export interface SinceEvent extends Asked {
  timestampMs: number;
  offset: number | undefined;
}

export interface OutOfRangeEvent extends Asked {
  offset: number;
}

/** Records are to be deleted before an offset; `undefined`: before some offset that was an end once. */
export interface DeletionEvent extends Place {
  askedAt: number;
  before: number | undefined;
}

export class LifecycleHistory {
  readonly plan: LifecyclePlan;
  readonly partitions = new Map<PartitionName, TruePartition>();
  /** By name, all topics that ever had it. */
  readonly topics = new Map<string, TopicId[]>();
  readonly acks: AckEvent[] = [];
  readonly retries: RetryEvent[] = [];
  readonly transactions: TransactionAnswer[] = [];
  readonly readings: ReadingEvent[] = [];
  readonly earliests: EarliestEvent[] = [];
  readonly sinces: SinceEvent[] = [];
  readonly outOfRanges: OutOfRangeEvent[] = [];
  readonly deletions: DeletionEvent[] = [];
  /** By id. */
  readonly erasures = new Map<string, TrueErasure>();
  readonly erasureAnswers: ErasureAnswer[] = [];
  /** Readings that failed although nothing was wrong with the reader's calls. */
  readonly failures: string[] = [];
  /** What the program said that the log can never be. */
  readonly impossible: string[] = [];
  /** Topics that were read from start to end. */
  readonly audited = new Set<TopicId>();
  /** By a walk through the stores, when there was nothing left to do. */
  leftOver: string[] = [];
  /** Of the program's own consistency check, then. */
  findings: string[] = [];
  readonly counts = new Map<string, number>();
  private readonly nowMs: () => number;
  /** In virtual time, by moment. */
  private readonly times: number[] = [];

  constructor(plan: LifecyclePlan, nowMs: () => number) {
    this.plan = plan;
    this.nowMs = nowMs;
  }

  /** A moment later than all before. */
  tick(): number {
    return this.times.push(this.nowMs()) - 1;
  }

  /** When a moment was. */
  msOf(moment: number): number {
    return this.times[moment] ?? 0;
  }

  count(what: string, number = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + number);
  }

  /** All partitions that this may have been a name of, the newest first. */
  of({ topic, partition }: Place): TruePartition[] {
    return (this.topics.get(topic) ?? []).toReversed().flatMap((id) => {
      return this.partitions.get(partitionName(id, partition)) ?? [];
    });
  }

  /** The newest of them. */
  latest(place: Place): TruePartition | undefined {
    return this.of(place)[0];
  }
}

/** Where the partition began at a moment. */
export function startAt({ starts }: TruePartition, moment: number): number {
  return starts.findLast((step) => step.moment <= moment)?.start ?? 0;
}

/** How many records it had at a moment. */
export function endAt({ records }: TruePartition, moment: number): number {
  return records.findLastIndex((record) => record.moment <= moment) + 1;
}

/** Returns the sentences that say how the history is not as it must be. */
export type LifecycleChecker = (history: LifecycleHistory) => string[];
