/**
 * Text with `*` for any run of characters, in time proportional to the text plus the pattern: each piece between two
 * stars is looked for once, from where the one before it ended, by Knuth's, Morris's and Pratt's search. Taking the
 * leftmost place for each piece is enough, since whatever a later place leaves room for, it does too.
 */

export type WildcardResult =
  | { result: 'wildcard'; matches: (text: string) => boolean }
  | { result: 'refused'; detail: string };

/**
 * `\*` is a star and `\\` a backslash, as in Event Ruler; two stars in a row and other escapes are refused as there.
 */
export function compileWildcard(pattern: string): WildcardResult {
  const pieces = [''];
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index] as string;
    if (character === '*') {
      if (pattern[index + 1] === '*') return { result: 'refused', detail: 'it has two * in a row' };
      pieces.push('');
      continue;
    }
    let literal = character;
    if (character === '\\') {
      literal = pattern[++index] ?? '';
      if (literal !== '*' && literal !== '\\') {
        return { result: 'refused', detail: 'a backslash may stand before * and before another backslash only' };
      }
    }
    pieces[pieces.length - 1] += literal;
  }
  const [first = '', ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return { result: 'wildcard', matches: (text) => text === first };
  const searches = rest.map(compileSearch);
  return { result: 'wildcard', matches: (text) => matchesPieces(text, first, searches, last) };
}

function matchesPieces(text: string, first: string, middle: readonly Search[], last: string): boolean {
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let position = first.length;
  for (const search of middle) {
    position = search(text, position, end);
    if (position < 0) return false;
  }
  return true;
}

/** Gives where the first occurrence between two places ends, or −1. */
type Search = (text: string, start: number, end: number) => number;

function compileSearch(piece: string): Search {
  const borders = bordersOf(piece);
  return (text, start, end) => {
    let matched = 0;
    for (let position = start; position < end; position++) {
      matched = extend(piece, borders, matched, text.charCodeAt(position));
      if (matched === piece.length) return position + 1;
    }
    return -1;
  };
}

/** By length of a matched start of the piece: how much of it is matched still where the next character differs. */
function bordersOf(piece: string): number[] {
  const borders = [0, 0];
  for (let length = 1; length < piece.length; length++) {
    borders.push(extend(piece, borders, borders[length] as number, piece.charCodeAt(length)));
  }
  return borders;
}

function extend(piece: string, borders: readonly number[], matched: number, code: number): number {
  let length = matched;
  while (length > 0 && piece.charCodeAt(length) !== code) length = borders[length] as number;
  return piece.charCodeAt(length) === code ? length + 1 : 0;
}
