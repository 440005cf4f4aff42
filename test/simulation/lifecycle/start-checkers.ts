/** Log starts go up, and no further than somebody asked for or the rules of their topic allow. */

import { EPOCH_MS } from '../scheduler.ts';
import { mayBeAbsent } from './absence.ts';
import {
  endAt,
  type LifecycleChecker,
  type LifecycleHistory,
  type StartStep,
  type TruePartition,
  type TrueRecord,
} from './lifecycle-history.ts';
import type { TopicPlan } from './lifecycle-settings.ts';
import { nameOf } from './reading-checkers.ts';

export const startCheckers: Record<string, LifecycleChecker> = {
  'log starts only go up': (history) =>
    steps(history).flatMap(({ partition, before, step }) =>
      step.start > before ? [] : [`${nameOf(partition)} went back from ${before} to ${step.start}`],
    ),

  'only what is old, too much or unwanted goes': (history) =>
    steps(history).flatMap(({ partition, before, step }) => {
      const plan = history.plan.topics.find(({ name }) => name === partition.topic);
      if (plan === undefined || isAskedFor(history, partition, step)) return [];
      if (isOld(history, plan, partition, before, step) || isTooMuch(plan, partition, step)) return [];
      return [`${nameOf(partition)} went from ${before} to ${step.start}, which nothing allowed`];
    }),
};

interface Move {
  partition: TruePartition;
  before: number;
  step: StartStep;
}

function steps({ partitions }: LifecycleHistory): Move[] {
  return [...partitions.values()].flatMap((partition) =>
    partition.starts.map((step, index) => ({ partition, before: partition.starts[index - 1]?.start ?? 0, step })),
  );
}

function isAskedFor({ deletions }: LifecycleHistory, { topic, partition }: TruePartition, step: StartStep): boolean {
  return deletions.some(
    ({ before, askedAt, ...place }) =>
      place.topic === topic &&
      place.partition === partition &&
      askedAt < step.moment &&
      (before === undefined || before === step.start),
  );
}

function isOld(
  history: LifecycleHistory,
  { retentionMs }: TopicPlan,
  partition: TruePartition,
  before: number,
  { start, atMs, moment }: StartStep,
): boolean {
  if (retentionMs === undefined) return false;
  const nowMs = EPOCH_MS + atMs + history.plan.skewMsMax;
  const isOver = ({ timestamp }: TrueRecord, index: number) =>
    timestamp < nowMs - retentionMs || mayBeAbsent(history, partition, { offset: before + index, answeredAt: moment });
  return partition.records.slice(before, start).every(isOver);
}

function isTooMuch({ retentionBytes }: TopicPlan, partition: TruePartition, { start, moment }: StartStep): boolean {
  if (retentionBytes === undefined) return false;
  const kept = partition.records.slice(start, endAt(partition, moment));
  return kept.reduce((sum, { batchBytes }) => sum + batchBytes, 0) >= retentionBytes;
}
