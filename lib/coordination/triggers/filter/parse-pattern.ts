/** Reads one event pattern over a record, or throws a `PatternError` that says where it is none. */
import { triggerLimits } from '../../../kernel/limits/triggers.ts';
import { OPERATORS, parseMatchers } from './parse-matchers.ts';
import { type FieldsPattern, type Pattern, PatternError } from './pattern.ts';

/** What a pattern may name of a record, and in which form. Mappings of Kafka know `value` only. */
const RECORD_FIELDS: Readonly<Record<string, 'list' | 'object' | 'both'>> = {
  value: 'both',
  key: 'both',
  headers: 'object',
  topic: 'list',
  partition: 'list',
  offset: 'list',
  timestamp: 'list',
};

export function parsePattern(text: string): FieldsPattern {
  if (text.length > triggerLimits.triggerFilterLengthMax) {
    throw new PatternError('', `it has more than ${triggerLimits.triggerFilterLengthMax} characters`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new PatternError('', `it is not JSON (${(error as Error).message})`);
  }
  return parseFields(json, { path: '', depth: 1, ofRecord: true, inChoice: false });
}

interface Place {
  path: string;
  depth: number;
  /** These are the fields of the record itself. */
  ofRecord: boolean;
  /**
   * Below `$or`, where Event Ruler takes no field that is called like an operator: most often, braces were forgotten.
   */
  inChoice: boolean;
}

function parseFields(json: unknown, place: Place): FieldsPattern {
  const { path, depth, inChoice } = place;
  if (!isObject(json)) throw new PatternError(path, 'it must be an object');
  if (depth > triggerLimits.filterDepthMax)
    throw new PatternError(path, `it nests deeper than ${triggerLimits.filterDepthMax}`);
  const entries = Object.entries(json);
  if (entries.length === 0) throw new PatternError(path, 'an object without fields would match everything');
  const fields: { name: string; pattern: Pattern }[] = [];
  const choices: FieldsPattern[][] = [];
  for (const [name, child] of entries) {
    const childPath = pathOf(path, name);
    if (name === '$or') choices.push(parseChoices(child, { ...place, path: childPath }));
    else if (place.ofRecord)
      fields.push({ name, pattern: parseRecordField(name, child, { ...place, path: childPath }) });
    else if (inChoice && (OPERATORS as readonly string[]).includes(name)) {
      throw new PatternError(childPath, 'the name of an operator cannot be that of a field inside $or');
    } else fields.push({ name, pattern: parseField(child, { ...place, path: childPath }) });
  }
  return { pattern: 'fields', fields, choices };
}

function parseChoices(json: unknown, place: Place): FieldsPattern[] {
  if (!Array.isArray(json) || json.length < 2)
    throw new PatternError(place.path, 'it must be a list of two objects or more');
  return json.map((choice, index) => {
    return parseFields(choice, { ...place, path: `${place.path}[${index}]`, depth: place.depth + 1, inChoice: true });
  });
}

function parseRecordField(name: string, json: unknown, place: Place): Pattern {
  const form = Object.hasOwn(RECORD_FIELDS, name) ? RECORD_FIELDS[name] : undefined;
  if (form === undefined) {
    throw new PatternError(place.path, `a record has no such field, it has ${Object.keys(RECORD_FIELDS).join(', ')}`);
  }
  if (form === 'list' && !Array.isArray(json)) throw new PatternError(place.path, 'it must be a list of matchers');
  if (form === 'object' && !isObject(json))
    throw new PatternError(place.path, "it must be an object of headers' names");
  return parseField(json, { ...place, ofRecord: false });
}

function parseField(json: unknown, place: Place): Pattern {
  if (Array.isArray(json)) return parseMatchers(json, place.path);
  if (!isObject(json)) throw new PatternError(place.path, 'it must be a list of matchers, or an object of fields');
  return parseFields(json, { ...place, depth: place.depth + 1, ofRecord: false });
}

function isObject(json: unknown): json is object {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function pathOf(parent: string, name: string): string {
  if (!/^[\w$-]+$/.test(name)) return `${parent}[${JSON.stringify(name)}]`;
  return parent === '' ? name : `${parent}.${name}`;
}
