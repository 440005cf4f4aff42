/**
 * The lease of a ledger's lifecycle item: it keeps two processes from doing the same work at the same time. Nothing
 * depends on it: whoever goes on after it is over is refused by what was committed meanwhile, or commits.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { planLease } from '../../log/merged/fence.ts';
import type { Lifecycle } from '../../log/merged/lifecycle-item.ts';
import type { Broker } from '../broker.ts';
import { lifecycleOf } from './ledger-lifecycle.ts';

/** `undefined`: someone else is at it. A ledger that has no lifecycle item yet is worked on without. */
export async function withLease<T>(
  broker: Broker,
  { ledger, holder }: { ledger: LedgerId; holder: string },
  work: () => Promise<T>,
): Promise<T | undefined> {
  const lifecycle = await lifecycleOf(broker, ledger);
  const { lease } = lifecycle;
  const nowMs = broker.clock.now();
  if (lease !== undefined && lease.holder !== holder && lease.untilMs > nowMs) return undefined;
  const untilMs = nowMs + mergingLimits.lifecycleLeaseMs;
  const take = planLease(ledger, lifecycle, { holder, untilMs });
  if (take === undefined) return work();
  const taken = await broker.metadata.write([take]);
  if (taken.outcome === 'refused') return undefined;
  try {
    return await work();
  } finally {
    await giveBack(broker, ledger, { ...lifecycle, lease: { holder, untilMs } });
  }
}

async function giveBack(broker: Broker, ledger: LedgerId, lifecycle: Lifecycle): Promise<void> {
  const { holder } = lifecycle.lease as NonNullable<Lifecycle['lease']>;
  const free = planLease(ledger, lifecycle, { holder, untilMs: 0 });
  try {
    if (free !== undefined) await broker.metadata.write([free]);
  } catch (error) {
    broker.log.warn('A lease of a ledger could not be given back, and ends by itself', { ...ledger, error });
  }
}
