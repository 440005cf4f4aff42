/** An erasure with what it has done in each partition. */
import { erasureLimits } from '../../kernel/limits/erasures.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { sweeperLimits } from '../../kernel/limits/sweeper.ts';
import { type Erasure, erasureCreatedMs } from '../../log/erasure/erasure-item.ts';
import type { ErasureLedger, ErasureSlot } from '../../log/erasure/erasure-ledger-item.ts';
import type { Broker } from '../broker.ts';
import { getErasure, ledgersOfErasure } from './erasure-records.ts';

/**
 * `waiting`: no reader is given the records any more; their bytes are there until others can no longer ask for them.
 */
export type ErasurePhase = 'running' | 'waiting' | 'done';

export interface ErasedPartition extends ErasureSlot {
  topic: string;
}

export interface DescribedErasure {
  erasure: Erasure;
  phase: ErasurePhase;
  createdMs: number;
  /** Waiting: not before this. */
  completeMs?: number;
  problems: string[];
  /** In the order of topics and partitions; those that had no record are among them. */
  partitions: ErasedPartition[];
}

/** Throws `NOT_FOUND`. */
export async function describeErasure(broker: Broker, id: string): Promise<DescribedErasure> {
  const erasure = await getErasure(broker, id);
  return describe(erasure, await ledgersOfErasure(broker, id));
}

export function describe(erasure: Erasure, ledgers: readonly ErasureLedger[]): DescribedErasure {
  const partitions = ledgers
    .flatMap(({ topic, slots }) => slots.map((slot) => ({ topic, ...slot })))
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
  const problems = [erasure, ...ledgers].flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  const phase = phaseOf(erasure);
  return {
    erasure,
    phase,
    createdMs: erasureCreatedMs(erasure),
    ...(phase === 'waiting' && { completeMs: completeMsMin(erasure) }),
    problems,
    partitions,
  };
}

function phaseOf({ state }: Erasure): ErasurePhase {
  if (state === 'done') return 'done';
  return state === 'clearing' ? 'waiting' : 'running';
}

/**
 * Until then readers may hold on to what was replaced, and writers that were cut off to what they have stored. Merging
 * notes times rounded up, by a sixth of a grace at most.
 */
export function completeMsMin({ erasedMs = 0 }: Erasure): number {
  const grace =
    mergingLimits.lifecycleGraceMs + Math.ceil(mergingLimits.lifecycleGraceMs / (mergingLimits.lifecycleMarksMax - 2));
  return erasedMs + Math.max(grace, sweeperLimits.orphanAgeMs + erasureLimits.erasureSkewMs);
}
