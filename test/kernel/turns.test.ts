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

it('gives each who has much to do a turn of its own, in the order of asking', async () => {
  const { time, turns } = workingClock();
  const done: string[] = [];
  const work = async (name: string, ms: number) => {
    await turns.ownTurn();
    // What is to be done may come a while after that it may be done.
    for (let step = 0; step < 20; step++) await Promise.resolve();
    time.ms += ms;
    done.push(name);
  };
  await work('first', TURN_MS);
  const rest = ['second', 'third', 'fourth'].map((name) => work(name, 3 * TURN_MS));
  await Promise.resolve();
  expect(done).toEqual(['first']);
  await turn();
  expect(done).toEqual(['first', 'second']);
  await turn();
  expect(done).toEqual(['first', 'second', 'third']);
  await Promise.all(rest);
  expect(done).toEqual(['first', 'second', 'third', 'fourth']);
});

it('lets who has begun go on while its turn has time left, whoever waits', async () => {
  const { time, turns } = workingClock();
  expect(turns.ownTurn()).toBeUndefined();
  time.ms = TURN_MS;
  const [own, others] = [turns.ownTurn(), turns.ownTurn()];
  await own;
  time.ms += TURN_MS - 1;
  expect(turns.ownTurn()).toBeUndefined();
  time.ms += 1;
  expect(turns.ownTurn()).toBeInstanceOf(Promise);
  await others;
});
