import { describe, expect, test, vi } from 'vitest';
import { Ending } from '../../lib/kernel/ending.ts';

describe('a wait', () => {
  test('is ended by who began it', () => {
    const wait = new Ending();
    expect(wait.signal.aborted).toBe(false);
    wait.end();
    expect(wait.signal.aborted).toBe(true);
  });

  test('is ended by the other signal', () => {
    const other = new AbortController();
    const wait = new Ending(other.signal);
    expect(wait.signal.aborted).toBe(false);
    other.abort();
    expect(wait.signal.aborted).toBe(true);
  });

  test('is over from the beginning where the other signal was aborted', () => {
    expect(new Ending(AbortSignal.abort()).signal.aborted).toBe(true);
  });

  test('does not end the other one, and leaves nothing there', () => {
    const other = new AbortController();
    const added = vi.spyOn(other.signal, 'addEventListener');
    const removed = vi.spyOn(other.signal, 'removeEventListener');
    const wait = new Ending(other.signal);
    wait.end();
    expect(other.signal.aborted).toBe(false);
    expect(removed.mock.calls[0]?.slice(0, 2)).toEqual(added.mock.calls[0]?.slice(0, 2));
  });
});
