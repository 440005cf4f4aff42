/**
 * Event patterns the way Event Ruler describes them: the body is taken apart into leaves with their paths and the array
 * elements they lie in, the pattern into alternatives of paths and matchers; a match takes one leaf for each path, no
 * two of which lie in different elements of one array. It tries all combinations. Without `{"exists": false}`.
 */

interface LeafAt {
  path: string;
  value: unknown;
  /** Which element, by the place of the array. */
  elements: ReadonlyMap<string, number>;
}

type Rule = ReadonlyMap<string, readonly (readonly unknown[])[]>;

export function matchesByFlattening(pattern: object, body: object): boolean {
  const leaves = flatten(body, '', '', new Map());
  return rulesOf(pattern, '').some((rule) =>
    matchesRule(
      [...rule].flatMap(([path, lists]) => lists.map((list) => [path, list] as const)),
      leaves,
      new Map(),
    ),
  );
}

function flatten(value: unknown, path: string, place: string, elements: ReadonlyMap<string, number>): LeafAt[] {
  if (Array.isArray(value)) {
    return value.flatMap((element, index) =>
      flatten(element, path, `${place}[${index}]`, new Map([...elements, [place, index]])),
    );
  }
  if (typeof value !== 'object' || value === null) return [{ path, value, elements }];
  return Object.entries(value).flatMap(([name, child]) =>
    flatten(child, `${path}.${name}`, `${place}.${name}`, elements),
  );
}

/** One rule for each way through the `$or`s. */
function rulesOf(pattern: object, path: string): Rule[] {
  let rules: Rule[] = [new Map()];
  for (const [name, child] of Object.entries(pattern)) {
    const parts: Rule[] =
      name === '$or'
        ? (child as object[]).flatMap((alternative) => rulesOf(alternative, path))
        : Array.isArray(child)
          ? [new Map([[`${path}.${name}`, [child as unknown[]]]])]
          : rulesOf(child as object, `${path}.${name}`);
    rules = rules.flatMap((rule) => parts.map((part) => merge(rule, part)));
  }
  return rules;
}

function merge(a: Rule, b: Rule): Rule {
  const merged = new Map(a);
  for (const [path, lists] of b) merged.set(path, [...(merged.get(path) ?? []), ...lists]);
  return merged;
}

function matchesRule(
  rest: readonly (readonly [string, readonly unknown[]])[],
  leaves: readonly LeafAt[],
  chosen: ReadonlyMap<string, number>,
): boolean {
  const [first, ...others] = rest;
  if (first === undefined) return true;
  const [path, matchers] = first;
  return leaves.some(
    (leaf) =>
      leaf.path === path &&
      matchers.some((matcher) => matchesOne(matcher, leaf.value)) &&
      [...leaf.elements].every(([place, index]) => (chosen.get(place) ?? index) === index) &&
      matchesRule(others, leaves, new Map([...chosen, ...leaf.elements])),
  );
}

function matchesOne(matcher: unknown, value: unknown): boolean {
  if (typeof matcher !== 'object' || matcher === null) return matcher === value;
  if ('prefix' in matcher) return typeof value === 'string' && value.startsWith(String(matcher.prefix));
  if ('exists' in matcher) return true;
  if ('anything-but' in matcher) return !(matcher['anything-but'] as unknown[]).includes(value);
  return typeof value === 'number' && value > 1;
}
