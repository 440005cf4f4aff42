/** The whole consistency check, step by step, over stores that a test has made. */
import { expect } from 'vitest';
import type { Broker } from '../../lib/broker/broker.ts';
import { Check, type CheckPlace } from '../../lib/broker/check/check.ts';
import type { CheckCounts } from '../../lib/broker/check/context.ts';
import type { Finding } from '../../lib/broker/check/finding.ts';
import { makeBroker, type Stores } from './broker.ts';

const STEPS_MAX = 10_000;

/**
 * By a process of its own, unless told by which. Each step begins at what JSON makes of the place where the one before
 * it ended.
 */
export async function checkEverything(
  stores: Stores,
  { deep = false, broker = makeBroker({ stores }).broker }: { deep?: boolean; broker?: Broker } = {},
): Promise<{ findings: Finding[]; counts: CheckCounts }> {
  const check = new Check({ broker, table: stores.metadata, deep });
  const findings: Finding[] = [];
  let place: CheckPlace | undefined;
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const under = check.step(place);
    await stores.clock.until(under);
    const step = await under;
    findings.push(...step.findings);
    if (step.next === undefined) return { findings, counts: check.counts };
    place = JSON.parse(JSON.stringify(step.next)) as CheckPlace;
  }
  return expect.unreachable('the check comes to its end');
}
