import { expect, it } from 'vitest';
import { Turns } from '../../lib/kernel/turns.ts';
import { turn } from '../support/passing-time.ts';

const TURN_MS = 10;

/** A clock whose time passes where the test says so, and whose shortest sleep is one round of the event loop. */
function workingClock() {
  const time = { ms: 0 };
  const clock = { now: () => time.ms, monotonic: () => time.ms, sleep: () => turn() as Promise<void> };
  return { time, turns: new Turns({ clock, turnMs: TURN_MS }) };
}

it('has a break when the turn is over, for all who ask until then, and goes on after it', async () => {
  const { time, turns } = workingClock();
  expect(turns.nextBreak()).toBeUndefined();
  time.ms = TURN_MS - 1;
  expect(turns.nextBreak()).toBeUndefined();
  time.ms = TURN_MS;
  const pause = turns.nextBreak();
  expect(pause).toBeInstanceOf(Promise);
  expect(turns.nextBreak()).toBe(pause);
  await pause;
  expect(turns.nextBreak()).toBeUndefined();
});

it('has none for work that comes now and then, however much it becomes', async () => {
  const { time, turns } = workingClock();
  for (let count = 0; count < 50; count++) {
    expect(turns.nextBreak()).toBeUndefined();
    time.ms += TURN_MS - 1;
    await turn();
    await turn();
  }
});
