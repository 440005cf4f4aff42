import { setTimeout as sleep } from 'node:timers/promises';

/** Tries again until it does not fail: other processes take their time. Fails as the last try has, after `msMax`. */
export async function eventually<T>(attempt: () => Promise<T> | T, msMax = 240_000): Promise<T> {
  const deadline = Date.now() + msMax;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(250);
    }
  }
}
