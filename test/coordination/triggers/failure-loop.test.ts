import { describe, expect, it } from 'vitest';
import { type FailureRoute, failureLoop } from '../../../lib/coordination/triggers/failure-loop.ts';

const route = (name: string, from: string, to?: string): FailureRoute => ({
  name,
  topics: from.includes('*') ? { pattern: from } : { names: [from] },
  ...(to !== undefined && { onFailure: { kind: 'topic', topic: to } }),
});

describe('what fails', () => {
  it.each<[string, FailureRoute, FailureRoute[], string[] | undefined]>([
    ['goes nowhere', route('a', 'x'), [route('b', 'y', 'x')], undefined],
    ['goes to a topic without a trigger', route('a', 'x', 'y'), [], undefined],
    ['goes on to a last topic', route('a', 'x', 'y'), [route('b', 'y', 'z')], undefined],
    ['comes back at once', route('a', 'x', 'x'), [], ['a']],
    ['comes back by another trigger', route('a', 'x', 'y'), [route('b', 'y', 'x')], ['a', 'b']],
    [
      'comes back by two, of which one means a pattern',
      route('a', 'x', 'y'),
      [route('b', 'y.*', 'z'), route('c', 'z', 'x')],
      ['a', 'b', 'c'],
    ],
    [
      'goes round a ring that is not its own',
      route('a', 'x', 'y'),
      [route('b', 'y', 'z'), route('c', 'z', 'y')],
      undefined,
    ],
    [
      'goes by what it was before a change',
      route('a', 'x', 'y'),
      [route('a', 'x', 'z'), route('b', 'z', 'x')],
      undefined,
    ],
  ])('%s', (_what, trigger, others, expected) => {
    expect(failureLoop(trigger, others)).toEqual(expected);
  });
});
