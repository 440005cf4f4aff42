import { expect, it } from 'vitest';
import { Budget } from '../../../lib/kafka/connection/budget.ts';

/** Who was granted room, in the order of it. */
function asking(budget: Budget) {
  const granted: string[] = [];
  const holders = new Map<string, object>();
  const ask = (name: string, bytes: number) => {
    const holder = holders.get(name) ?? {};
    holders.set(name, holder);
    if (budget.take(holder, bytes, () => granted.push(name))) granted.push(name);
  };
  const leave = (name: string) => budget.withdraw(holders.get(name) ?? {});
  return { granted, ask, leave };
}

it('grants what fits at once, and the rest in its order', () => {
  const budget = new Budget(100);
  const { granted, ask } = asking(budget);
  ask('a', 60);
  ask('b', 50);
  ask('c', 10);
  expect(granted).toEqual(['a']);
  budget.give(60);
  expect(granted).toEqual(['a', 'b', 'c']);
});

it('lets a small one not overtake a large one that waits', () => {
  const budget = new Budget(100);
  const { granted, ask } = asking(budget);
  ask('a', 60);
  ask('large', 90);
  ask('small', 1);
  budget.give(30);
  expect(granted).toEqual(['a']);
});

it('gives all of it to one that is larger than it, alone', () => {
  const budget = new Budget(100);
  const { granted, ask } = asking(budget);
  ask('a', 1);
  ask('giant', 500);
  expect(granted).toEqual(['a']);
  budget.give(1);
  ask('b', 1);
  expect(granted).toEqual(['a', 'giant']);
  budget.give(500);
  expect(granted).toEqual(['a', 'giant', 'b']);
});

it('goes on with those behind one that does not wait any more', () => {
  const budget = new Budget(100);
  const { granted, ask, leave } = asking(budget);
  ask('a', 60);
  ask('large', 90);
  ask('small', 20);
  expect(budget.isContended).toBe(true);
  leave('large');
  expect(granted).toEqual(['a', 'small']);
  expect(budget.isContended).toBe(false);
});
