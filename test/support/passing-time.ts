import type { VirtualClock } from './virtual-clock.ts';

/** Lets everything run that can run without time passing. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

const STEPS_MAX = 10_000;

/** What the promise becomes while the clock moves on step by step, as the world's would. */
export async function whileTimePasses<T>(clock: VirtualClock, promise: Promise<T>, stepMs = 100): Promise<T> {
  const state = { settled: false };
  const settle = () => {
    state.settled = true;
  };
  promise.then(settle, settle);
  for (let step = 0; !state.settled && step < STEPS_MAX; step++) {
    await turn();
    clock.advance(stepMs);
  }
  if (!state.settled) throw new Error(`nothing came within ${STEPS_MAX * stepMs} ms`);
  return promise;
}
