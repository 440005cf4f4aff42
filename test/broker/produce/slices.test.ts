import { expect, it } from 'vitest';
import { Slices } from '../../../lib/broker/produce/slices.ts';
import { batchLimits } from '../../../lib/kernel/limits/batches.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const { checkingSliceMs: SLICE } = batchLimits;

/** A clock that goes on while work is done; `turns` counts how often others had a turn. */
function world() {
  const state = { nowMs: 0, turns: 0 };
  const clock = new ManualClock();
  clock.monotonic = () => state.nowMs;
  clock.sleep = async () => {
    state.turns += 1;
  };
  const slices = new Slices(clock);
  const done: string[] = [];
  const work = (name: string, ms: number) => () => {
    state.nowMs += ms;
    done.push(name);
    return name;
  };
  return { slices, state, done, work };
}

it('does work at once while the slice has time left', () => {
  const { slices, state, done, work } = world();
  expect(slices.run('one', work('a', SLICE - 1))).toBe('a');
  expect(slices.run('one', work('b', 1))).toBe('b');
  expect(done).toEqual(['a', 'b']);
  expect(state.turns).toBe(0);
});

it('lets others have a turn after each slice, and goes on in the order of the work', async () => {
  const { slices, state, done, work } = world();
  const names = ['a', 'b', 'c', 'd', 'e'];
  const results = names.map(async (name) => slices.run('one', work(name, SLICE / 2)));
  expect(done).toEqual(['a', 'b']);
  expect(await Promise.all(results)).toEqual(names);
  expect(done).toEqual(names);
  expect(state.turns).toBe(2);
  // All is done: what comes next waits for nobody.
  expect(slices.run('one', work('f', 1))).toBe('f');
});

it('hands on what work throws, and goes on', async () => {
  const { slices, work } = world();
  const fail = () => {
    throw new Error('no');
  };
  expect(() => slices.run('one', fail)).toThrow('no');
  void slices.run('one', work('a', SLICE));
  const failed = slices.run('one', fail);
  const after = slices.run('one', work('b', 0));
  await expect(failed).rejects.toThrow('no');
  expect(await after).toBe('b');
});

it('takes turns between those who want work done', async () => {
  const { slices, done, work } = world();
  void slices.run('greedy', work('g1', SLICE));
  const greedy = ['g2', 'g3', 'g4'].map(async (name) => slices.run('greedy', work(name, SLICE)));
  const modest = [
    { owner: 'modest', name: 'm1' },
    { owner: 'third', name: 't1' },
  ].map(async ({ owner, name }) => slices.run(owner, work(name, 1)));
  await Promise.all([...greedy, ...modest]);
  expect(done).toEqual(['g1', 'g2', 'm1', 't1', 'g3', 'g4']);
});
