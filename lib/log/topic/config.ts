/**
 * Topic configs as callers give them, as they are stored and as the code reads them. A config is given and stored as
 * text, exactly as the caller wrote it; what the code works with is the typed value behind it.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { type ConfigRow, type NumberRow, topicConfigTable } from './config-table.ts';

export type TopicConfigName = keyof typeof topicConfigTable;

type ValueOf<Row> = Row extends { type: 'boolean' }
  ? boolean
  : Row extends { type: 'string'; oneOf: readonly (infer Option)[] }
    ? Option
    : Row extends { type: 'list'; anyOf: readonly (infer Option)[] }
      ? Option[]
      : Row extends { type: 'replicas' }
        ? string[]
        : Row extends { type: 'text' }
          ? string
          : number;

/**
 * Every config's value. A long beyond the safe integers is the nearest safe integer: as milliseconds or bytes both
 * mean "no limit".
 */
export type TopicConfigValues = { [Name in TopicConfigName]: ValueOf<(typeof topicConfigTable)[Name]> };

/** The configs that were set, as text, exactly as given. */
export type TopicConfigOverrides = Record<string, string>;

/** What a caller gives; `null` sets a config back to its default. */
export type TopicConfigInput = Record<string, string | number | boolean | null>;

/** Every name, in the table's order. */
export const TOPIC_CONFIG_NAMES = Object.keys(topicConfigTable) as TopicConfigName[];

/**
 * The configs of a new topic, checked. Throws `INVALID_CONFIG`, naming the config, the bad value and what is allowed.
 */
export function parseTopicConfig(input: TopicConfigInput): {
  overrides: TopicConfigOverrides;
  values: TopicConfigValues;
} {
  return mergeTopicConfig({}, input);
}

/** The configs after `changes` to a topic's `overrides`, checked like a new topic's. */
export function mergeTopicConfig(
  overrides: TopicConfigOverrides,
  changes: TopicConfigInput,
): { overrides: TopicConfigOverrides; values: TopicConfigValues } {
  const merged: TopicConfigOverrides = { ...overrides };
  for (const [name, given] of Object.entries(changes)) {
    if (!isTopicConfigName(name)) {
      throw new MillraceError('INVALID_CONFIG', `there is no topic config "${clip(name)}"`);
    }
    if (given === null) {
      delete merged[name];
    } else {
      merged[name] = String(given);
      checkValue(name, merged[name]);
    }
  }
  const length = Object.entries(merged).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  if (length > topicLimits.topicConfigLengthMax) {
    throw new MillraceError(
      'INVALID_CONFIG',
      `the topic's configs are ${length} characters together; at most ${topicLimits.topicConfigLengthMax} are allowed`,
    );
  }
  const values = topicConfigValues(merged);
  if (values['min.compaction.lag.ms'] > values['max.compaction.lag.ms']) {
    throw new MillraceError(
      'INVALID_CONFIG',
      `min.compaction.lag.ms (${values['min.compaction.lag.ms']}) must not be above max.compaction.lag.ms (${values['max.compaction.lag.ms']})`,
    );
  }
  if (values['partitioner.tenant.header'] === '' && values['partitioner.tenant.separator'] === '') {
    const detail = 'One of partitioner.tenant.header and partitioner.tenant.separator must not be empty.';
    throw new MillraceError('INVALID_CONFIG', detail);
  }
  return { overrides: merged, values };
}

/**
 * The values behind stored overrides. They were checked when they were set, and perhaps by a newer version: a number
 * beyond this version's range stays in force, and a name or word that this version does not know counts as not set.
 */
export function topicConfigValues(overrides: TopicConfigOverrides): TopicConfigValues {
  const values: Partial<Record<TopicConfigName, unknown>> = {};
  for (const name of TOPIC_CONFIG_NAMES) {
    const row: ConfigRow = topicConfigTable[name];
    const text = Object.hasOwn(overrides, name) ? overrides[name] : undefined;
    const value = text === undefined ? undefined : parseValue(row, text);
    values[name] = value ?? parseValue(row, row.default);
  }
  return values as TopicConfigValues;
}

function isTopicConfigName(name: string): name is TopicConfigName {
  return Object.hasOwn(topicConfigTable, name);
}

/** What a config takes, for messages and documentation. */
export function allowedValues(row: ConfigRow): string {
  switch (row.type) {
    case 'boolean':
      return 'true or false';
    case 'string':
      return `one of ${row.oneOf.map((option) => option || 'empty').join(', ')}`;
    case 'text':
      return `text of up to ${row.lengthMax} characters`;
    case 'list':
      return `a comma list of ${row.anyOf.join(', ')}, each at most once`;
    case 'replicas':
      return '* or a comma list of partition:replica';
    case 'int':
    case 'long':
    case 'double':
      return allowedNumbers(row);
  }
}

const INT_MAX = 2 ** 31 - 1;
const LONG_MAX = 2n ** 63n - 1n;

function allowedNumbers(row: NumberRow): string {
  const { type, min, max = type === 'int' ? INT_MAX : undefined, also } = row;
  const bounds = [min === undefined ? '' : ` from ${min}`, max === undefined ? '' : ` up to ${max}`].join('');
  return `a ${type === 'double' ? '' : 'whole '}number${bounds}${also === undefined ? '' : `, or ${also}`}`;
}

function checkValue(name: TopicConfigName, text: string): void {
  const row: ConfigRow = topicConfigTable[name];
  const value = parseValue(row, text);
  if (value === undefined || (typeof value === 'number' && !inRange(row as NumberRow, value))) {
    throw new MillraceError('INVALID_CONFIG', `${name} cannot be "${clip(text)}": allowed is ${allowedValues(row)}`);
  }
}

function inRange(row: NumberRow, value: number): boolean {
  if (value === row.also) return true;
  return value >= (row.min ?? Number.NEGATIVE_INFINITY) && value <= (row.max ?? Number.POSITIVE_INFINITY);
}

/** The value behind the text, by its form alone; `undefined` where the text has not the type's form. */
function parseValue(row: ConfigRow, text: string): number | boolean | string | string[] | undefined {
  const trimmed = text.trim();
  switch (row.type) {
    case 'int':
    case 'long':
    case 'double':
      return parseNumber(row.type, trimmed);
    case 'boolean':
      return parseBoolean(trimmed.toLowerCase());
    case 'string':
      return row.oneOf.includes(trimmed) ? trimmed : undefined;
    case 'text':
      return text.length <= row.lengthMax && text.isWellFormed() ? text : undefined;
    case 'list': {
      const entries = splitList(trimmed);
      const sound = entries.every((entry, i) => row.anyOf.includes(entry) && entries.indexOf(entry) === i);
      return sound ? entries : undefined;
    }
    case 'replicas': {
      const entries = splitList(trimmed);
      const sound = trimmed === '*' || entries.every((entry) => /^[0-9]+:[0-9]+$/.test(entry));
      return sound ? entries : undefined;
    }
  }
}

function parseBoolean(text: string): boolean | undefined {
  if (text === 'true') return true;
  return text === 'false' ? false : undefined;
}

function splitList(text: string): string[] {
  return text === '' ? [] : text.split(',').map((entry) => entry.trim());
}

/** Decimal text as Java's Integer.parseInt, Long.parseLong take it; a double also with an exponent. */
function parseNumber(type: NumberRow['type'], text: string): number | undefined {
  if (type === 'double')
    return /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(text) ? Number(text) : undefined;
  if (!/^[+-]?[0-9]{1,19}$/.test(text)) return undefined;
  const exact = BigInt(text.startsWith('+') ? text.slice(1) : text);
  const max = type === 'int' ? BigInt(INT_MAX) : LONG_MAX;
  if (exact > max || exact < -max - 1n) return undefined;
  if (exact > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (exact < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
  return Number(exact);
}

/** Caller's text inside a message: enough to recognise it, never all of a hostile one. */
function clip(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
