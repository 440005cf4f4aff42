/** The members of a JSON object with their texts, so that numbers keep all their digits and objects their order. */

export interface Member {
  name: string;
  /** As it was written, without space around it. */
  text: string;
}

/**
 * Of a text that `JSON.parse` has read as an object: only so is it known that a quote is a quote and a brace a brace.
 */
export function membersOf(json: string): Member[] {
  const members: Member[] = [];
  let at = json.indexOf('{') + 1;
  for (;;) {
    at = skipSpace(json, at);
    if (json[at] === '}') return members;
    const nameEnd = endOfString(json, at);
    const name = JSON.parse(json.slice(at, nameEnd)) as string;
    const start = skipSpace(json, skipSpace(json, nameEnd) + 1);
    const end = endOfValue(json, start);
    members.push({ name, text: json.slice(start, end).trimEnd() });
    if (json[end] === '}') return members;
    at = end + 1;
  }
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (/\s/.test(json[at] ?? '')) at++;
  return at;
}

/** After its closing quote. */
function endOfString(json: string, from: number): number {
  let at = from + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** At the comma or brace that follows. */
function endOfValue(json: string, from: number): number {
  let depth = 0;
  for (let at = from; ; ) {
    const character = json[at];
    if (depth === 0 && (character === ',' || character === '}')) return at;
    if (character === '"') {
      at = endOfString(json, at);
      continue;
    }
    if (character === '{' || character === '[') depth++;
    if (character === '}' || character === ']') depth--;
    at++;
  }
}
