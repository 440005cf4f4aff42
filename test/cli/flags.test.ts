import { describe, expect, it } from 'vitest';
import { commonFlags, type Flags, readFlags } from '../../lib/cli/flags.ts';

const flags = {
  from: { short: 'o', placeholder: '<where>', about: '' },
  header: { short: 'H', placeholder: '<name>=<value>', repeats: true, about: '' },
  separator: { short: 'k', alias: 'K', placeholder: '<text>', about: '' },
  key: commonFlags.key,
  end: { short: 'e', about: '' },
  count: { placeholder: '<n>', about: '' },
} as const satisfies Flags;

const read = (...args: string[]) => readFlags(args, flags);

describe('flags', () => {
  it('are read by name, by letter and by the other name, before and after operands', () => {
    const given = read('--from', '7', 'orders', '-e', '-K', ':', '--api-key=secret', 'more');
    expect(given.operands).toEqual(['orders', 'more']);
    expect(given.text('from')).toBe('7');
    expect(given.on('end')).toBe(true);
    expect(given.text('separator')).toBe(':');
    expect(given.text('key')).toBe('secret');
    expect(given.text('count')).toBeUndefined();
  });

  it('may have values that look like numbers below zero, or anything after =', () => {
    expect(read('--from', '-5').text('from')).toBe('-5');
    expect(read('-o', '-5').text('from')).toBe('-5');
    expect(read('-k', '-').text('separator')).toBe('-');
    expect(read('--separator=--').text('separator')).toBe('--');
  });

  it('end at --', () => {
    expect(read('--', '-x', '--from').operands).toEqual(['-x', '--from']);
  });

  it('that repeat keep their order', () => {
    const given = read('-H', 'b=1', '--header', 'a=x=y', '-H', 'c=');
    expect(given.pairs('header')).toEqual([
      ['b', '1'],
      ['a', 'x=y'],
      ['c', ''],
    ]);
  });

  it.each([
    [['--form', '1'], 'there is no flag --form'],
    [['-x'], 'there is no flag -x'],
    [['--constructor'], 'there is no flag --constructor'],
    [['--from'], '--from needs a value: --from <where>'],
    [['-o', '--end'], '-o needs a value: -o <where>'],
    [['--end=yes'], '--end takes no value'],
    [['--from', '1', '-o', '2'], '-o is given twice; once is enough'],
  ])('are refused: %j', (args, message) => {
    expect(() => read(...args)).toThrow(message);
  });

  it.each(['', '-1', '1.5', '11', '1e1', 'ten'])('that are numbers refuse "%s"', (value) => {
    expect(() => read(`--count=${value}`).number('count', 1, 10)).toThrow(
      `--count is "${value}", not a whole number from 1 to 10`,
    );
  });

  it('refuse a choice that there is not, and a pair that is none', () => {
    expect(() => read('--count', 'many').oneOf('count', ['few', 'some'])).toThrow(
      '--count is "many"; it is one of few, some',
    );
    for (const pair of ['a', '=b', '']) {
      expect(() => read(`-H=${pair}`, `--header=${pair}`).pairs('header')).toThrow('not <name>=<value>');
    }
  });
});
