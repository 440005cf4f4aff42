import { expect, test } from 'vitest';
import { ArrivalDeadlines } from '../../lib/http/arrival-deadlines.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    clock.advance(100);
    await turn();
  }
}

test('tells who is late, soon after their time, and nobody else', async () => {
  const clock = new VirtualClock();
  const deadlines = new ArrivalDeadlines({ clock, arrivalMsMax: 2_000 });
  const late: string[] = [];
  deadlines.watch(() => late.push('first'));
  const unwatch = deadlines.watch(() => late.push('arrived'));
  await pass(clock, 1_000);
  deadlines.watch(() => late.push('second'));
  unwatch();
  await pass(clock, 900);
  expect(late).toEqual([]);
  await pass(clock, 700);
  expect(late).toEqual(['first']);
  await pass(clock, 1_500);
  expect(late).toEqual(['first', 'second']);
});

test('sleeps only while something is on its way', async () => {
  const clock = new VirtualClock();
  const deadlines = new ArrivalDeadlines({ clock });
  expect(clock.sleeping).toBe(0);
  for (let request = 0; request < 100; request++) deadlines.watch(() => {})();
  expect(clock.sleeping).toBe(1);
  await pass(clock, 1_000);
  expect(clock.sleeping).toBe(0);
  deadlines.watch(() => {});
  expect(clock.sleeping).toBe(1);
});
