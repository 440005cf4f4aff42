/** What functions of the deployment have used: invocations, time, and calls of the stores. */
import {
  addCounts,
  type Counts,
  FUNCTION_MEMORY_MIB,
  lambdaDollars,
  NO_COUNTS,
  scaleCounts,
  storageDollars,
} from '../dollars.ts';
import { prices } from '../prices.ts';
import type { Ran } from './triggers-world.ts';

export interface Use {
  invocations: number;
  ms: number;
  counts: Counts;
}

export function useOf(ran: readonly Ran[]): Use {
  return {
    invocations: ran.length,
    ms: ran.reduce((total, { ms }) => total + ms, 0),
    counts: ran.map(({ counts }) => counts).reduce(addCounts, NO_COUNTS),
  };
}

export function scaled({ invocations, ms, counts }: Use, factor: number): Use {
  return { invocations: invocations * factor, ms: ms * factor, counts: scaleCounts(counts, factor) };
}

export function plus(a: Use, b: Use): Use {
  return { invocations: a.invocations + b.invocations, ms: a.ms + b.ms, counts: addCounts(a.counts, b.counts) };
}

export function minus(a: Use, b: Use): Use {
  return plus(a, scaled(b, -1));
}

/** Of the functions alone, without what they call. */
export function computeDollars({ invocations, ms }: Use): number {
  const duration = lambdaDollars({ milliseconds: ms, memoryMiB: FUNCTION_MEMORY_MIB }) - prices.lambdaRequest.dollars;
  return invocations * prices.lambdaRequest.dollars + duration;
}

export function dollars(use: Use): number {
  return computeDollars(use) + storageDollars(use.counts);
}
