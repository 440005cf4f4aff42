import { expect, it } from 'vitest';
import { condition, parseVersions, versionsIn } from '../../../scripts/kafka-messages/versions.ts';

it.each([
  ['3', 3, 3],
  ['0-12', 0, 12],
  ['9+', 9, Number.POSITIVE_INFINITY],
  ['none', 0, -1],
])('reads the range %s', (text, lowest, highest) => {
  expect(parseVersions(text)).toEqual({ lowest, highest });
});

it.each(['', 'x', '1-', '-1', '1-2-3', '1+2'])('refuses the range %s', (text) => {
  expect(() => parseVersions(text)).toThrow('is no range of versions');
});

it('says by a condition which versions are meant, among those that there are', () => {
  const all = parseVersions('2-9');
  expect(condition(parseVersions('0+'), all)).toBe('true');
  expect(condition(parseVersions('4+'), all)).toBe('version >= 4');
  expect(condition(parseVersions('0-3'), all)).toBe('version <= 3');
  expect(condition(parseVersions('4-5'), all)).toBe('version >= 4 && version <= 5');
  expect(condition(parseVersions('10+'), all)).toBe('false');
  expect(condition(parseVersions('none'), all)).toBe('false');
  expect(versionsIn(parseVersions('none'))).toEqual([]);
});
