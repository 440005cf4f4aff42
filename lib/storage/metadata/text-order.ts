/**
 * −1, 0 or 1 by the texts' UTF-8 bytes: the order of sort keys and of comparisons in DynamoDB and SQLite.
 *
 * It is not the order of JavaScript's `<`, which puts characters beyond U+FFFF (two surrogates from U+D800) before
 * those from U+E000. Otherwise UTF-16 units and UTF-8 bytes sort alike, so nothing needs to be encoded.
 */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return Math.sign(rank(left) - rank(right));
  }
  return Math.sign(a.length - b.length);
}

/** Moves the surrogates (U+D800 to U+DFFF) above all other units, which close ranks below them. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
