/** What triggers of a history are like, drawn by its seed. */
import type { TriggerChanges, TriggerInput } from '../../../lib/coordination/triggers/check-trigger.ts';
import type { FailureTarget, Trigger, TriggerTopics } from '../../../lib/coordination/triggers/trigger.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';

/** What becomes of a history in general. */
export type Scenario =
  /** Everything goes wrong. */
  | 'storm'
  /** The same, and clocks jump: then invocations may overlap, but nothing else may go wrong. */
  | 'wrong-clocks'
  /** Nothing is lost and nobody dies, so that no sweeper is needed: there is none. */
  | 'unswept';

export interface WorldPlan {
  scenario: Scenario;
  /** Triggers' names. */
  names: readonly string[];
  topics: TriggerTopics;
  /** Windows of time, of which no partition is parallel. */
  windows: boolean;
  /** Parallel, and so with a destination. */
  isParallel: boolean;
  report: boolean;
  hasDestination: boolean;
  /** There are records that kill who delivers them. */
  killers: boolean;
  /** Of every how many records one fails always. */
  poisonEvery: number;
  /** A dispatcher has a time limit, as Lambda's do. */
  hasDeadline: boolean;
}

export const INPUT = 'in-a';
/** Is there for a while only. */
export const PASSING = 'in-b';
const ARNS = 'arn:aws:lambda:eu-central-1:123456789012:function:';
const DESTINATION: FailureTarget = { kind: 'sqs', arn: 'arn:aws:sqs:eu-central-1:123456789012:given-up' };
/** Every third key's records, and those without one, are left out. */
const FILTER = JSON.stringify({ key: [{ 'anything-but': ['k0', 'k3'] }] });
const OTHER_FILTER = JSON.stringify({ key: [{ 'anything-but': ['k1'] }] });

export function planWorld(random: Random): WorldPlan {
  const chance = (of: number) => random.fraction() < of;
  const fate = random.fraction();
  const scenario = fate < 0.7 ? 'storm' : fate < 0.85 ? 'wrong-clocks' : 'unswept';
  const windows = scenario !== 'unswept' && chance(0.25);
  const isParallel = !windows && chance(0.4);
  return {
    scenario,
    names: chance(0.3) ? ['f', 'h'] : ['f'],
    topics: chance(0.5) ? { names: [INPUT] } : { pattern: 'in-.*' },
    windows,
    isParallel,
    report: chance(0.6),
    hasDestination: isParallel || chance(0.7),
    killers: scenario === 'storm' && !windows && chance(0.3),
    poisonEvery: scenario === 'unswept' || chance(0.3) ? Number.POSITIVE_INFINITY : 10 + randomBelow(random, 40),
    hasDeadline: scenario !== 'unswept' && chance(0.5),
  };
}

export function groupOf(trigger: string): string {
  return `g-${trigger}`;
}

/** A trigger that is made for the so-many-th time under its name. */
export function drawTrigger(random: Random, plan: WorldPlan, name: string, times: number): TriggerInput {
  const chance = (of: number) => random.fraction() < of;
  const isCalm = plan.scenario === 'unswept';
  return {
    name,
    group: groupOf(name),
    topics: plan.topics,
    target: `${ARNS}${name}-${times}`,
    startingPosition: { position: chance(0.5) ? 'LATEST' : 'TRIM_HORIZON' },
    batchSize: 1 + randomBelow(random, chance(0.5) ? 5 : 40),
    batchingWindowMs: chance(0.3) ? randomBelow(random, isCalm ? 5_000 : 20_000) : 0,
    filters: chance(0.3) ? [FILTER] : [],
    ...(plan.hasDestination && { onFailure: DESTINATION }),
    bisectBatchOnError: chance(0.5),
    retryAttempts: plan.killers || chance(0.7) ? randomBelow(random, 4) : -1,
    maxRecordAgeMs: chance(0.2) ? 60_000 + randomBelow(random, 60_000) : -1,
    reportBatchItemFailures: plan.report,
    parallelizationFactor: plan.isParallel ? 2 + randomBelow(random, 4) : 1,
    tumblingWindowMs: plan.windows ? 5_000 * (1 + randomBelow(random, 4)) : 0,
    eventShape: chance(0.5) ? 'msk' : 'self-managed',
    timeoutMs: 1_000 * (1 + randomBelow(random, chance(0.7) ? 10 : 60)),
    enabled: !chance(0.05),
  };
}

/** What someone alters of it; what checkers take to be the same for ever stays. */
export function drawChanges(random: Random, plan: WorldPlan, { enabled, retryAttempts }: Trigger): TriggerChanges {
  const fate = random.fraction();
  if (!enabled) return { enabled: true };
  if (fate < 0.35) return { enabled: false };
  if (fate < 0.45) return { batchSize: 1 + randomBelow(random, 30) };
  if (fate < 0.55) return { timeoutMs: 1_000 * (1 + randomBelow(random, 20)) };
  if (fate < 0.65 && retryAttempts >= 0) return { retryAttempts: randomBelow(random, 4) };
  if (fate < 0.75) return { filters: random.fraction() < 0.5 ? [OTHER_FILTER] : [] };
  if (fate < 0.9 && plan.isParallel) return { parallelizationFactor: 1 + randomBelow(random, 5) };
  return { batchingWindowMs: randomBelow(random, 10_000) };
}

/** Records that fail always are tried for ever. */
export function isPatient({ retryAttempts, maxRecordAgeMs }: Trigger): boolean {
  return retryAttempts < 0 && maxRecordAgeMs < 0;
}

/** Whether a record of this key passes; by itself, and not by the program's reading of the filters. */
export function passesFilters(filters: readonly string[], key: string | null): boolean {
  if (filters.length === 0) return true;
  const unwanted = new Map([
    [FILTER, ['k0', 'k3']],
    [OTHER_FILTER, ['k1']],
  ]);
  return key !== null && filters.some((filter) => unwanted.get(filter)?.includes(key) === false);
}
