/** What the bench makes of its rounds. Medians, because other work on the machine only ever makes a round slower. */
import { assert } from '../lib/kernel/assert.ts';

/** The value below which the share `q` (0 to 1) of the values lies, interpolated between neighbours. */
export function quantile(values: readonly number[], q: number): number {
  assert(values.length > 0, 'a quantile needs a value');
  assert(q >= 0 && q <= 1, `${q} is not a share`);
  const sorted = [...values].sort((a, b) => a - b);
  const position = q * (sorted.length - 1);
  const below = sorted[Math.floor(position)] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below + (above - below) * (position - Math.floor(position));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * The median of the ratios of rounds that ran one after the other. Taking the ratio inside a pair cancels what slows
 * the machine for longer than a pair takes, which the ratio of two medians would not.
 */
export function pairedRatio(measured: readonly number[], baseline: readonly number[]): number {
  assert(measured.length === baseline.length, 'rounds come in pairs');
  return median(measured.map((value, round) => value / (baseline[round] as number)));
}

export function mean(values: readonly number[]): number {
  assert(values.length > 0, 'a mean needs a value');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
