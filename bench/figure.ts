/** What a part of the bench reports: figures, some with a bound, and tables beside them. */

export interface Bound {
  kind: 'at-least' | 'at-most' | 'below';
  value: number;
}

/** How a number is shown; a bound is shown as its figure is. */
export type Show = (value: number) => string;

export type Figure =
  | { name: string; value: number; show: Show; bound?: Bound; note?: string }
  /** What could not be measured here, and why. */
  | { name: string; skipped: string };

export interface Table {
  title: string;
  columns: readonly string[];
  rows: readonly (readonly string[])[];
  /** Sentences below the table. */
  notes?: readonly string[];
}

export interface Report {
  figures: Figure[];
  tables?: Table[];
}

/** `undefined`: there is nothing to meet. */
export function isMet(figure: Figure): boolean | undefined {
  if ('skipped' in figure || figure.bound === undefined) return undefined;
  const { value, bound } = figure;
  switch (bound.kind) {
    case 'at-least':
      return value >= bound.value;
    case 'at-most':
      return value <= bound.value;
    case 'below':
      return value < bound.value;
  }
}

export const show = {
  ratio: (value: number) => `${value.toFixed(2)} ×`,
  megabytes: (value: number) => `${(value / 1e6).toFixed(0)} MB`,
  /** Of a file; Lambda's and npm's own unit is the million, bundlers print KiB: the bound says MB. */
  fileMegabytes: (value: number) => `${(value / 1e6).toFixed(2)} MB`,
  units: (value: number) => `${value.toFixed(2)} units`,
  count: (value: number) => value.toFixed(2),
  perSecond: (value: number) => `${value.toFixed(0)}/s`,
  dollars: (value: number) => (value === 0 ? '$0' : `$${value.toFixed(value < 0.1 ? 4 : 2)}`),
} as const;
