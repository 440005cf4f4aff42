import { describe, expect, it } from 'vitest';
import { parseOptions, ROUNDS_DEFAULT, UsageError } from '../../bench/options.ts';

const NAMES = ['produce-json', 'memory'];

describe('parseOptions', () => {
  it('runs everything, five rounds of it, and checks nothing, unless it is told otherwise', () => {
    expect(parseOptions([], NAMES)).toMatchObject({ parts: [], check: false, list: false, rounds: ROUNDS_DEFAULT });
  });

  it('takes parts by name and options in any order', () => {
    expect(parseOptions(['memory', '--check', '--rounds', '2', 'produce-json', '--dir', '/data'], NAMES)).toMatchObject(
      {
        parts: ['memory', 'produce-json'],
        check: true,
        rounds: 2,
        directory: '/data',
      },
    );
  });

  it.each([
    [['nothing'], 'there is no part nothing'],
    [['--rounds', '0'], '--rounds'],
    [['--rounds', 'many'], '--rounds'],
    [['--fast'], '--fast'],
  ])('refuses %j', (args, reason) => {
    expect(() => parseOptions(args, NAMES)).toThrow(UsageError);
    expect(() => parseOptions(args, NAMES)).toThrow(reason);
  });
});
