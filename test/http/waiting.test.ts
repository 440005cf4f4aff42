import { expect, test } from 'vitest';
import { WaitingRequests } from '../../lib/http/waiting.ts';

test('holds so many waiting requests and refuses the next until one leaves', () => {
  const waiting = new WaitingRequests(2);
  const leave = waiting.enter();
  waiting.enter();
  expect(() => waiting.enter()).toThrow(expect.objectContaining({ code: 'THROTTLING_QUOTA_EXCEEDED' }));
  leave();
  expect(waiting.waiting).toBe(1);
  waiting.enter();
  expect(waiting.waiting).toBe(2);
});

test('gives a place back once, however often it is left', () => {
  const waiting = new WaitingRequests(2);
  const leave = waiting.enter();
  waiting.enter();
  leave();
  leave();
  expect(waiting.waiting).toBe(1);
});
