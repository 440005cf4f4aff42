/** Reads the list of matchers of one field: values, and objects with one operator each. One of them must match. */
import { parseIpRange } from './ip-range.ts';
import { type JsonLeaf, type Leaf, type LeafPattern, type LeafTest, PatternError } from './pattern.ts';
import { compileWildcard } from './wildcard.ts';

export function parseMatchers(list: readonly unknown[], path: string): LeafPattern {
  if (list.length === 0) throw new PatternError(path, 'the list is empty, and would match nothing');
  const exact = new Set<JsonLeaf>();
  const tests: LeafTest[] = [];
  let absent = false;
  for (const [index, matcher] of list.entries()) {
    const place = `${path}[${index}]`;
    if (isJsonLeaf(matcher)) exact.add(matcher);
    else if (Array.isArray(matcher)) throw new PatternError(place, 'a list stands where a value or an operator may');
    else {
      const [operator, operand] = onlyEntry(matcher as object, place);
      if (operator === 'exists' && operand === false) absent = true;
      else tests.push(parseOperator(operator, operand, place));
    }
  }
  return { pattern: 'leaf', exact, tests, absent };
}

export const OPERATORS = [
  'prefix',
  'suffix',
  'equals-ignore-case',
  'wildcard',
  'anything-but',
  'numeric',
  'exists',
  'cidr',
] as const;

function parseOperator(operator: string, operand: unknown, place: string): LeafTest {
  const path = `${place}.${operator}`;
  switch (operator) {
    case 'prefix':
    case 'suffix':
      return parseAffix(operator, operand, path);
    case 'equals-ignore-case':
    case 'wildcard':
      return parseText(operator, operand, path);
    case 'anything-but':
      return parseAnythingBut(operand, path);
    case 'numeric':
      return parseNumeric(operand, path);
    case 'cidr':
      return parseCidr(operand, path);
    case 'exists':
      if (operand !== true) throw new PatternError(path, 'it must be true or false');
      return () => true;
    default:
      throw new PatternError(place, `${JSON.stringify(operator)} is no operator, which are ${OPERATORS.join(', ')}`);
  }
}

/** `{"prefix": "a"}` or `{"prefix": {"equals-ignore-case": "a"}}`; the same with `suffix`. */
function parseAffix(operator: 'prefix' | 'suffix', operand: unknown, path: string): LeafTest {
  if (typeof operand === 'string') return parseText(operator, operand, path);
  if (typeof operand !== 'object' || operand === null || Array.isArray(operand)) {
    throw new PatternError(path, 'it must be a string or {"equals-ignore-case": …}');
  }
  const [inner, text] = onlyEntry(operand, path);
  if (inner !== 'equals-ignore-case' || typeof text !== 'string') {
    throw new PatternError(path, 'it must be a string or {"equals-ignore-case": …} with a string');
  }
  const folded = fold(text);
  const { length } = text;
  if (operator === 'prefix') return ofText((leaf) => fold(leaf.slice(0, length)) === folded);
  return ofText((leaf) => leaf.length >= length && fold(leaf.slice(leaf.length - length)) === folded);
}

function parseText(operator: string, operand: unknown, path: string): LeafTest {
  if (typeof operand !== 'string') throw new PatternError(path, 'it must be a string');
  switch (operator) {
    case 'prefix':
      return ofText((leaf) => leaf.startsWith(operand));
    case 'suffix':
      return ofText((leaf) => leaf.endsWith(operand));
    case 'equals-ignore-case': {
      const folded = fold(operand);
      return ofText((leaf) => leaf.length === operand.length && fold(leaf) === folded);
    }
    default: {
      const wildcard = compileWildcard(operand);
      if (wildcard.result === 'refused') throw new PatternError(path, wildcard.detail);
      return ofText(wildcard.matches);
    }
  }
}

/**
 * Every value but those named, also of other types; not what isn't there. A list is of strings or of numbers; strings
 * may be prefixes, suffixes and so on.
 */
function parseAnythingBut(operand: unknown, path: string): LeafTest {
  if (typeof operand === 'object' && operand !== null && !Array.isArray(operand)) {
    const [operator, texts] = onlyEntry(operand, path);
    const inner = `${path}.${operator}`;
    if (!['prefix', 'suffix', 'equals-ignore-case', 'wildcard'].includes(operator)) {
      throw new PatternError(path, 'it takes prefix, suffix, equals-ignore-case and wildcard');
    }
    const tests = listOf(texts, inner).map((text) => {
      if (text === '') throw new PatternError(inner, 'an empty string would leave no string over');
      return parseText(operator, text, inner);
    });
    return readable((leaf) => !tests.some((test) => test(leaf)));
  }
  const values = listOf(operand, path);
  const [first] = values;
  if ((typeof first !== 'string' && typeof first !== 'number') || values.some((one) => typeof one !== typeof first)) {
    throw new PatternError(path, 'it must be a string, a number, or a list that has only strings or only numbers');
  }
  const excluded = new Set<unknown>(values);
  return readable((leaf) => !excluded.has(leaf));
}

function listOf(operand: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(operand)) return [operand];
  if (operand.length === 0) throw new PatternError(path, 'the list is empty');
  return operand;
}

const COMPARISONS: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '=': (value, bound) => value === bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
};

/** One comparison, or a lower bound and then an upper one. Of numbers only, as large as JSON's get (mappings: 5e9). */
function parseNumeric(operand: unknown, path: string): LeafTest {
  const expected = 'it must be [operator, number] with = > >= < <=, or a lower bound followed by an upper one';
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4)) throw new PatternError(path, expected);
  const [operator, bound, upperOperator, upper] = operand as unknown[];
  const compare = comparison(operator);
  if (compare === undefined || typeof bound !== 'number') throw new PatternError(path, expected);
  if (operand.length === 2) return (leaf) => typeof leaf === 'number' && compare(leaf, bound);
  const compareUpper = comparison(upperOperator);
  const isRange = String(operator).startsWith('>') && String(upperOperator).startsWith('<');
  if (!isRange || compareUpper === undefined || typeof upper !== 'number') throw new PatternError(path, expected);
  if (bound >= upper) throw new PatternError(path, `nothing is above ${bound} and below ${upper}`);
  return (leaf) => typeof leaf === 'number' && compare(leaf, bound) && compareUpper(leaf, upper);
}

function comparison(operator: unknown): ((value: number, bound: number) => boolean) | undefined {
  return typeof operator === 'string' && Object.hasOwn(COMPARISONS, operator) ? COMPARISONS[operator] : undefined;
}

function parseCidr(operand: unknown, path: string): LeafTest {
  const range = typeof operand === 'string' ? parseIpRange(operand) : undefined;
  if (range === undefined) throw new PatternError(path, 'it must be a range such as "10.0.0.0/24" or "2001:db8::/32"');
  return ofText((leaf) => range.contains(leaf));
}

function onlyEntry(matcher: object, path: string): [string, unknown] {
  const [entry, ...others] = Object.entries(matcher) as [string, unknown][];
  if (entry === undefined || others.length > 0) throw new PatternError(path, 'it must have exactly one operator');
  return entry;
}

function isJsonLeaf(value: unknown): value is JsonLeaf {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function ofText(test: (text: string) => boolean): LeafTest {
  return (leaf) => typeof leaf === 'string' && test(leaf);
}

function readable(test: (leaf: JsonLeaf) => boolean): LeafTest {
  return (leaf: Leaf) => typeof leaf !== 'symbol' && test(leaf);
}

/** Lower case of each character by itself; whole texts are compared by it after their lengths. */
function fold(text: string): string {
  return text.toLowerCase();
}
