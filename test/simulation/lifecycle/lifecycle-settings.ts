/** What a history of storage is made of: its topics and how each keeps its records, and how fast time goes by. */
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';

export interface TopicPlan {
  name: string;
  partitions: number;
  ledgerPartitions: number;
  retentionMs?: number;
  retentionBytes?: number;
  /** Compacted: how long tombstones stay. */
  deleteRetentionMs?: number;
  /** Records are deleted by request. */
  deletesRecords: boolean;
  /** The topic goes, and comes back under its name. */
  passes: boolean;
}

export interface LifecyclePlan {
  topics: readonly TopicPlan[];
  /** Subjects are erased. */
  erases: boolean;
  /** When everybody goes to work. */
  roundsMs: readonly number[];
  inlineBytesMax: number;
  /** How far clocks may be off. */
  skewMsMax: number;
  /** From which age on what is in no ledger is deleted: that nobody needs it does not depend on it. */
  orphanAgeMs: number;
}

const MINUTE_MS = 60_000;

/** Everybody is at work at the same time, and then nobody for a while: so much goes by, and they still meet. */
const REST_MS = [90_000, 5 * MINUTE_MS, 15 * MINUTE_MS, 40 * MINUTE_MS] as const;
const ROUNDS = 14;

/**
 * Far below the graces, which take it that a clock can be wrong; erasures take it that no two are five minutes apart.
 */
const SKEWS_MS = [100, 100, 2.4 * MINUTE_MS] as const;

const ORPHAN_AGES_MS = [500, 2_000, 60 * MINUTE_MS] as const;

/** Few ledgers, so that much becomes of each in few steps. */
export function planLifecycle(random: Random): LifecyclePlan {
  const some = (name: string): TopicPlan => ({
    name,
    partitions: random.fraction() < 0.3 ? 2 : 1,
    ledgerPartitions: 1 + randomBelow(random, 2),
    deletesRecords: false,
    passes: false,
  });
  const topics: TopicPlan[] = [{ ...some('kept'), deletesRecords: random.fraction() < 0.5 }];
  const aged = { ...some('aged'), retentionMs: (40 + randomBelow(random, 100)) * MINUTE_MS };
  const sized = { ...some('sized'), retentionBytes: 2_000 + randomBelow(random, 12_000) };
  if (random.fraction() < 0.6) topics.push(random.fraction() < 0.5 ? aged : sized);
  if (random.fraction() < 0.35) topics.push({ ...some('passing'), passes: true });
  if (random.fraction() < 0.5)
    topics.push({
      ...some('compacted'),
      deleteRetentionMs: (20 + randomBelow(random, 80)) * MINUTE_MS,
      ...(random.fraction() < 0.5 && { retentionMs: (40 + randomBelow(random, 100)) * MINUTE_MS }),
    });
  const roundsMs: number[] = [];
  for (let ms = 0; roundsMs.length < ROUNDS; roundsMs.push(ms)) {
    ms += REST_MS[randomBelow(random, REST_MS.length)] as number;
  }
  return {
    topics,
    erases: random.fraction() < 0.4,
    roundsMs,
    inlineBytesMax: [0, 400, 4_096][randomBelow(random, 3)] as number,
    orphanAgeMs: ORPHAN_AGES_MS[randomBelow(random, ORPHAN_AGES_MS.length)] as number,
    skewMsMax: SKEWS_MS[randomBelow(random, SKEWS_MS.length)] as number,
  };
}

export function configOf(plan: TopicPlan): Record<string, number | string> {
  const { ledgerPartitions, retentionMs, retentionBytes, deleteRetentionMs } = plan;
  return {
    'ledger.partitions': ledgerPartitions,
    ...(retentionMs !== undefined && { 'retention.ms': retentionMs }),
    ...(retentionBytes !== undefined && { 'retention.bytes': retentionBytes }),
    ...(deleteRetentionMs !== undefined && {
      'cleanup.policy': retentionMs === undefined ? 'compact' : 'compact,delete',
      'delete.retention.ms': deleteRetentionMs,
      'min.cleanable.dirty.ratio': 0.01,
    }),
  };
}
