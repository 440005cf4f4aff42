/** What triggers went through: a simulation in which no dispatcher dies, and nothing fails, proves little. */
import type { TriggerHistory } from './trigger-history.ts';

export function countTriggers({ runs, givenUp, leases, commits, counts }: TriggerHistory): Record<string, number> {
  const offsets = new Set<string>();
  let again = 0;
  for (const run of runs) {
    for (const { value } of run.records) {
      const name = `${run.group} ${value}`;
      if (offsets.has(name)) again++;
      offsets.add(name);
    }
  }
  const steps = [...leases.values()].flat();
  return {
    invocations: runs.length,
    'invocations that failed': runs.filter(({ meaning }) => meaning.kind === 'failed').length,
    'invocations that failed in part': runs.filter(({ meaning }) => meaning.kind === 'partial').length,
    'ends of windows': runs.filter(({ window }) => window?.isFinal === true).length,
    'records delivered': offsets.size,
    'records delivered again': again,
    'batches given up': givenUp.length,
    'batches halved': steps.filter(({ lease }) => lease?.lanes.some(({ ends }) => ends.length > 1)).length,
    'lease writes': steps.length,
    'offsets committed': [...commits.values()].flat().filter(({ isDelivery }) => isDelivery).length,
    fences: steps.filter(({ isFence }) => isFence).length,
    ...Object.fromEntries(counts),
  };
}
