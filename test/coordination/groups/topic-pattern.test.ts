import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileTopicPattern } from '../../../lib/coordination/groups/topic-pattern.ts';

function matches(pattern: string, name: string): boolean {
  const compiled = compileTopicPattern(pattern);
  if (compiled.result === 'refused') throw new Error(compiled.detail);
  return compiled.pattern.matches(name);
}

const detail = (pattern: string) => {
  const compiled = compileTopicPattern(pattern);
  return compiled.result === 'refused' ? compiled.detail : 'taken';
};

/** Patterns of which JavaScript and RE2 think the same. */
const pattern: fc.Arbitrary<string> = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '[a-c]', '\\d', '\\w', '\\.', '-', '^', '$', '[-a]', '[\\d.]'),
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => a + b),
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(${a}|${b})`),
    fc
      .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '*?', '{2}', '{0,2}', '{1,}'))
      .map(([a, b]) => `(?:${a})${b}`),
  ),
})).pattern;

describe('a topic pattern', () => {
  test('matches whole names as other engines do', () => {
    const names = fc
      .array(fc.constantFrom('a', 'b', 'c', '1', '.', '-'), { maxLength: 6 })
      .map((list) => list.join(''));
    fc.assert(
      fc.property(pattern, fc.array(names, { minLength: 3, maxLength: 10 }), (text, list) => {
        const whole = new RegExp(`^(?:${text})$`, 's');
        for (const name of list) expect(matches(text, name), `${text} on ${name}`).toBe(whole.test(name));
      }),
      { numRuns: 1_000 },
    );
  });

  test('takes time proportional to the name, where other engines never end', () => {
    const name = `${'a'.repeat(240)}!`;
    const started = process.cpuUsage().user;
    expect(matches('(a*)*(a|a)*(a+)+', name)).toBe(false);
    expect(matches('(.*a){20}.*', 'a'.repeat(249))).toBe(true);
    expect(process.cpuUsage().user - started).toBeLessThan(1_000_000);
  });

  test.each([
    ['(', 'a ( is not closed'],
    ['(a', 'a ( is not closed'],
    ['a)', 'a ) closes nothing'],
    ['*a', 'there is nothing before * to repeat'],
    ['a**', 'a repetition is repeated'],
    ['[a', 'it ends too early'],
    ['[b-a]', 'a range of characters has no order'],
    ['[[:alpha:]]', 'classes of the form [:name:] are not taken'],
    ['(?=a)', 'of the groups with (? only (?: is taken'],
    ['(a)\\1', '\\1 is not taken'],
    ['\\pL', '\\p is not taken'],
    ['a{3,2}', '{3,2} ends before it begins'],
    ['(a{99}){99}', 'its repetitions make it too long'],
    ['((((){999}){999}){999})', 'its repetitions make it too long'],
    ['('.repeat(40), 'its groups nest too deep'],
    ['a'.repeat(513), 'it has more than 512 characters'],
  ])('is refused where it is %s', (text, reason) => {
    expect(detail(text)).toBe(reason);
  });
});
