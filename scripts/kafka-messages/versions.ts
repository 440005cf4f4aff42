/** Ranges of versions as Kafka's schemas write them: `3`, `0-12`, `9+`, `none`. */

export interface Versions {
  lowest: number;
  /** Infinity: and all later ones. */
  highest: number;
}

export const NO_VERSIONS: Versions = { lowest: 0, highest: -1 };

export function parseVersions(text: string): Versions {
  if (text === 'none') return NO_VERSIONS;
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text.trim());
  if (match === null) throw new Error(`${text} is no range of versions`);
  const lowest = Number(match[1]);
  if (match[2] !== undefined) return { lowest, highest: Number.POSITIVE_INFINITY };
  return { lowest, highest: Number(match[3] ?? lowest) };
}

export function intersect(a: Versions, b: Versions): Versions {
  return { lowest: Math.max(a.lowest, b.lowest), highest: Math.min(a.highest, b.highest) };
}

export function isEmpty({ lowest, highest }: Versions): boolean {
  return lowest > highest;
}

export function includes({ lowest, highest }: Versions, version: number): boolean {
  return version >= lowest && version <= highest;
}

/** A range with an end. */
export function versionsIn({ lowest, highest }: Versions): number[] {
  return Array.from({ length: Math.max(0, highest - lowest + 1) }, (_, index) => lowest + index);
}

/** The condition on `version` that holds for the versions of `of` among those of `among`. */
export function condition(of: Versions, among: Versions): 'true' | 'false' | (string & {}) {
  const both = intersect(of, among);
  if (isEmpty(both)) return 'false';
  const clauses = [
    ...(both.lowest > among.lowest ? [`version >= ${both.lowest}`] : []),
    ...(both.highest < among.highest ? [`version <= ${both.highest}`] : []),
  ];
  return clauses.length === 0 ? 'true' : clauses.join(' && ');
}
