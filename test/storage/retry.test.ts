import { expect, test } from 'vitest';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { retryPauseMs, withRetries } from '../../lib/storage/retry.ts';
import { impatientClock } from '../support/scripted-server.ts';

test('a call is made again while it may be, and its answer returned', async () => {
  const clock = impatientClock();
  let calls = 0;
  const call = async () => {
    if (++calls < 4) throw new Error('not yet');
    return 'done';
  };
  const answer = await withRetries(call, { clock, random: seededRandom(1), mayRepeat: () => true });
  expect([answer, calls, clock.slept.length]).toEqual(['done', 4, 3]);
});

test('an error that does not allow it ends the call at once', async () => {
  const clock = impatientClock();
  let calls = 0;
  const call = async () => {
    calls++;
    throw new Error('never');
  };
  const options = { clock, random: seededRandom(1), mayRepeat: () => false };
  await expect(withRetries(call, options)).rejects.toThrow('never');
  expect([calls, clock.slept]).toEqual([1, []]);
});

test('pauses grow to their maximum, and are spread down to nothing', () => {
  const longest = { fraction: () => 0.999_999, bytes: () => new Uint8Array(0) };
  const shortest = { ...longest, fraction: () => 0 };
  const pauses = [0, 1, 2, 3, 10].map((retry) => Math.round(retryPauseMs(retry, longest)));
  expect(pauses).toEqual([20, 40, 80, 160, storageLimits.storageRetryPauseMsMax]);
  expect(retryPauseMs(10, shortest)).toBe(0);
});
