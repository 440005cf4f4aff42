import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/kernel/clock.ts';

describe('systemClock', () => {
  it('tells the time since the epoch and a time that never goes back', () => {
    const [epoch, origin] = [systemClock.now(), systemClock.monotonic()];
    expect(epoch).toBeGreaterThan(Date.UTC(2026, 0));
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(origin);
  });

  it('sleeps for the time given', async () => {
    const begun = systemClock.monotonic();
    await systemClock.sleep(5);
    expect(systemClock.monotonic() - begun).toBeGreaterThanOrEqual(4); // timers count whole milliseconds
  });

  it('lets what can go on at once go on before it wakes after no time at all', async () => {
    const heard: string[] = [];
    const [near, far] = duplexPair();
    far.on('data', () => heard.push('data'));
    near.write('x');
    void Promise.resolve().then(() => heard.push('promise'));
    await systemClock.sleep(0);
    expect(heard.toSorted()).toEqual(['data', 'promise']);
    await systemClock.sleep(-1, new AbortController().signal);
  });

  it('wakes at once when the signal aborts, and does not sleep at all when it has', async () => {
    const stop = new AbortController();
    const asleep = systemClock.sleep(2 ** 31 - 1, stop.signal);
    stop.abort();
    await expect(asleep).resolves.toBeUndefined();
    await expect(systemClock.sleep(2 ** 31 - 1, stop.signal)).resolves.toBeUndefined();
  });

  it('leaves no listener on the signal after it woke', async () => {
    const stop = new AbortController();
    let listeners = 0;
    const { signal } = stop;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await systemClock.sleep(1, signal);
    expect(listeners).toBe(0);
  });
});
