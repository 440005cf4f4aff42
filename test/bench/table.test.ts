import { describe, expect, it } from 'vitest';
import { type Figure, isMet, show } from '../../bench/figure.ts';
import { figureTable, formatTable } from '../../bench/table.ts';

const at = (value: number, kind: 'at-least' | 'at-most' | 'below', bound: number): Figure => ({
  name: 'a figure',
  value,
  show: show.ratio,
  bound: { kind, value: bound },
});

describe('isMet', () => {
  it.each([
    [at(0.4, 'at-least', 0.4), true],
    [at(0.39, 'at-least', 0.4), false],
    [at(4, 'at-most', 4), true],
    [at(4.01, 'at-most', 4), false],
    [at(399, 'below', 400), true],
    [at(400, 'below', 400), false],
  ])('%j is %s', (figure, met) => {
    expect(isMet(figure)).toBe(met);
  });

  it('says nothing of a figure without a bound, or that was skipped', () => {
    expect(isMet({ name: 'a figure', value: 1, show: show.count })).toBeUndefined();
    expect(isMet({ name: 'a figure', skipped: 'no Java' })).toBeUndefined();
  });
});

describe('the table of figures', () => {
  const table = figureTable([
    at(0.5, 'at-least', 0.4),
    { ...at(0.3, 'at-least', 0.4), name: 'missed', note: 'slow' },
    { name: 'left out', skipped: 'there is no Java' },
  ]);

  it('shows each figure, its bound and whether it is met', () => {
    expect(table.rows).toEqual([
      ['a figure', '0.50 ×', '≥ 0.40 ×', 'yes'],
      ['missed', '0.30 ×', '≥ 0.40 ×', 'NO'],
      ['left out', 'skipped', '', ''],
    ]);
  });

  it('says loudly what was skipped, and why', () => {
    expect(table.notes).toEqual(['missed: slow', 'SKIPPED left out: there is no Java']);
  });

  it('is printed in columns', () => {
    expect(formatTable({ title: 'T', columns: ['a', 'bb'], rows: [['long', '1']], notes: ['n'] })).toBe(
      'T\na     bb\n────  ──\nlong   1\n  n\n',
    );
  });
});
