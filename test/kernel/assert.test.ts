import { describe, expect, it } from 'vitest';
import { AssertionError, assert, unreachable } from '../../lib/kernel/assert.ts';

describe('assert', () => {
  it('throws an AssertionError that says what does not hold', () => {
    const check = (length: number) => assert(length > 0, 'there is something');
    expect(() => check(0)).toThrow(new AssertionError('there is something'));
    expect(() => check(1)).not.toThrow();
  });
});

describe('unreachable', () => {
  it('shows the variant that no case was written for', () => {
    expect(() => unreachable({ kind: 'new' } as never)).toThrow('unexpected variant {"kind":"new"}');
  });
});
