/** Printing tables as aligned text. */
import { type Bound, type Figure, isMet, type Table } from './figure.ts';

export function formatTable({ title, columns, rows, notes = [] }: Table): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    widths
      .map((width, index) => (index === 0 ? (cells[index] ?? '').padEnd(width) : (cells[index] ?? '').padStart(width)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  const text = [title, line(columns), rule, ...rows.map(line), ...notes.map((note) => `  ${note}`)];
  return `${text.join('\n')}\n`;
}

/** The table that the bench ends with: every figure, its bound, and whether it is met. */
export function figureTable(figures: readonly Figure[]): Table {
  return {
    title: 'Figures',
    columns: ['figure', 'measured', 'bound', 'met'],
    rows: figures.map((figure) => {
      if ('skipped' in figure) return [figure.name, 'skipped', '', ''];
      const met = isMet(figure);
      const bound = figure.bound === undefined ? '' : showBound(figure.bound, figure.show);
      return [figure.name, figure.show(figure.value), bound, met === undefined ? '' : met ? 'yes' : 'NO'];
    }),
    notes: figures.flatMap((figure) => {
      if ('skipped' in figure) return [`SKIPPED ${figure.name}: ${figure.skipped}`];
      return figure.note === undefined ? [] : [`${figure.name}: ${figure.note}`];
    }),
  };
}

const SIGNS = { 'at-least': '≥', 'at-most': '≤', below: '<' } as const;

function showBound({ kind, value }: Bound, show: (value: number) => string): string {
  return `${SIGNS[kind]} ${show(value)}`;
}
