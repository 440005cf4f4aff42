/** Appending to a ledger directly, and looking on while it is under way. */
import { runOf } from '../../lib/broker/append/accept-batches.ts';
import type { MillraceError } from '../../lib/kernel/errors.ts';
import type { LedgerId } from '../../lib/kernel/ids.ts';
import { produceLimits } from '../../lib/kernel/limits/produce.ts';
import { batchOf, type Process } from './broker.ts';
import { idle } from './manual-clock.ts';

interface Appended {
  ledger: LedgerId;
  slot?: number;
  values?: string[];
  expectedOffset?: number;
}

export function append(
  { broker }: Process,
  { ledger, slot = 0, values = ['v'], expectedOffset }: Appended,
): Promise<number> {
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  return broker.appender.append({ ledger, slot, run: runOf([batchOf(...values)]), expectedOffset, deadlineMs });
}

/** Makes every put wait until it is let through, in the order of the calls. */
export function holdPuts({ objects }: Process): {
  held: string[];
  release: (index: number) => Promise<void>;
  most: () => number;
} {
  const held: string[] = [];
  let [inFlight, most] = [0, 0];
  const gates: PromiseWithResolvers<void>[] = [];
  objects.onPut = async (proceed, name) => {
    held.push(name);
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    most = Math.max(most, ++inFlight);
    await gate.promise;
    await proceed();
    inFlight--;
  };
  return {
    held,
    release: async (index) => {
      gates[index]?.resolve();
      await idle();
    },
    most: () => most,
  };
}

/** What became of a promise so far. */
export function watch<T>(promise: Promise<T>): { outcome: T | MillraceError | 'pending' } {
  const state: { outcome: T | MillraceError | 'pending' } = { outcome: 'pending' };
  promise.then(
    (value) => {
      state.outcome = value;
    },
    (error: MillraceError) => {
      state.outcome = error;
    },
  );
  return state;
}
