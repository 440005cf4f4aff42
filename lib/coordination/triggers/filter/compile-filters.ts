/**
 * Filters of a trigger: event patterns in the language of EventBridge, as Lambda's event source mappings take them,
 * over `value`, and over what those do not look at: `key`, `headers`, `topic`, `partition`, `offset` and `timestamp`. A
 * record passes that one of the patterns matches.
 *
 * A key or value is compared as JSON where the pattern has an object for it, and as text where it has a list. If the
 * record has the other of the two, the pattern does not match, whatever it says: so do mappings, which call it a
 * mismatch.
 */
import { triggerLimits } from '../../../kernel/limits/triggers.ts';
import { type FilteredRecord, RecordView } from './filtered-record.ts';
import { matchesPattern } from './match-pattern.ts';
import { parsePattern } from './parse-pattern.ts';
import { type FieldsPattern, type Pattern, PatternError } from './pattern.ts';

export type FiltersResult =
  | { result: 'filters'; passes: (record: FilteredRecord) => boolean }
  /** `index` is absent where it is the number of patterns; `path` is empty where it is a whole pattern. */
  | { result: 'refused'; index?: number; path: string; detail: string };

/** No patterns: every record passes. */
export function compileFilters(patterns: readonly string[]): FiltersResult {
  if (patterns.length > triggerLimits.triggerFiltersMax) {
    return { result: 'refused', path: '', detail: `there are more than ${triggerLimits.triggerFiltersMax} filters` };
  }
  const compiled: FieldsPattern[] = [];
  for (const [index, text] of patterns.entries()) {
    try {
      compiled.push(parsePattern(text));
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      const { path, message } = error;
      const place = path === '' ? `filter ${index}` : `filter ${index}, at ${path}`;
      return { result: 'refused', index, path, detail: `${place}: ${message}` };
    }
  }
  if (compiled.length === 0) return { result: 'filters', passes: () => true };
  return {
    result: 'filters',
    passes: (record) => {
      const view = new RecordView(record);
      return compiled.some((pattern) => matchesRecord(pattern, view));
    },
  };
}

function matchesRecord(pattern: FieldsPattern, view: RecordView): boolean {
  return (
    pattern.fields.every((field) => matchesField(field.name, field.pattern, view)) &&
    pattern.choices.every((choice) => choice.some((alternative) => matchesRecord(alternative, view)))
  );
}

function matchesField(name: string, pattern: Pattern, view: RecordView): boolean {
  if (name === 'key' || name === 'value') return matchesBody(name, pattern, view);
  if (name === 'headers') return matchesPattern(pattern, view.headers());
  return matchesPattern(pattern, view.field(name as Parameters<RecordView['field']>[0]));
}

function matchesBody(name: 'key' | 'value', pattern: Pattern, view: RecordView): boolean {
  const body = view.body(name);
  if (pattern.pattern === 'leaf') return body.body === 'text' && matchesPattern(pattern, body.text);
  return body.body === 'json' && matchesPattern(pattern, body.json);
}
