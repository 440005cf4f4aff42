import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileWildcard } from '../../../../lib/coordination/triggers/filter/wildcard.ts';

function matches(pattern: string, text: string): boolean {
  const compiled = compileWildcard(pattern);
  if (compiled.result === 'refused') throw new Error(compiled.detail);
  return compiled.matches(text);
}

describe('a wildcard', () => {
  test('matches as an expression with .* does', () => {
    const pieces = fc.array(fc.stringMatching(/^[ab]{0,4}$/), { minLength: 1, maxLength: 5 });
    const pattern = pieces.map((list) => list.join('*')).filter((text) => !text.includes('**'));
    fc.assert(
      fc.property(
        pattern,
        fc.array(fc.stringMatching(/^[ab]{0,12}$/), { minLength: 5, maxLength: 20 }),
        (text, names) => {
          const expression = new RegExp(`^${text.replaceAll('*', '.*')}$`);
          for (const name of names) expect(matches(text, name), `${text} on ${name}`).toBe(expression.test(name));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('takes escaped stars and backslashes as themselves', () => {
    expect(matches('a\\*b*', 'a*bc')).toBe(true);
    expect(matches('a\\*b*', 'axbc')).toBe(false);
    expect(matches('a\\\\*', 'a\\b')).toBe(true);
    expect(compileWildcard('a\\b')).toMatchObject({ result: 'refused' });
    expect(compileWildcard('a\\')).toMatchObject({ result: 'refused' });
  });

  test('does not count a character for both of its ends', () => {
    expect(matches('ab*ba', 'aba')).toBe(false);
    expect(matches('ab*ba', 'abba')).toBe(true);
  });
});
