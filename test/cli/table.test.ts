import { expect, it } from 'vitest';
import { counted, factsText, tableText } from '../../lib/cli/table.ts';

it('aligns columns by what is longest, without space at the ends of lines', () => {
  expect(
    tableText(
      ['A', 'LONG'],
      [
        ['abc', 1],
        ['d', ''],
      ],
    ),
  ).toBe('A    LONG\nabc  1\nd\n');
  expect(tableText(['A', 'B'], [])).toBe('A  B\n');
});

it('aligns facts', () => {
  expect(
    factsText([
      ['id', 'x'],
      ['scopes', 2],
    ]),
  ).toBe('id      x\nscopes  2\n');
});

it('counts', () => {
  expect([0, 1, 2_000].map((count) => counted(count, 'line'))).toEqual(['0 lines', '1 line', '2,000 lines']);
});
