import type { LifecycleHistory } from './lifecycle-history.ts';

/** What stored logs went through; a simulation in which nothing happens proves little. */
export function countLifecycle({ counts, readings, partitions, deletions }: LifecycleHistory): Record<string, number> {
  const moves = [...partitions.values()].reduce((sum, { starts }) => sum + starts.length, 0);
  return {
    records: [...partitions.values()].reduce((sum, { records }) => sum + records.length, 0),
    readings: readings.length,
    'log starts raised': moves,
    'deletions asked for': deletions.length,
    ...Object.fromEntries(counts),
  };
}
