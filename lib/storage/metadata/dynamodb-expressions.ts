/**
 * From a `Write` to DynamoDB's expressions, as a pure function, with the two sizes that DynamoDB limits: the bytes of
 * each expression string and the operators and functions in it.
 *
 * What counts as an operator, by DynamoDB's own count ("Invalid ConditionExpression: The expression contains too many
 * operators; operator count: 301"): every comparison, every function, every AND and NOT. The `=` of a SET, the commas
 * and whole ADD and REMOVE actions do not count. The two expressions of an update are counted apart. Sources:
 * "Expression parameters" under "Quotas in Amazon DynamoDB" and "Count expression operators" in the developer guide;
 * the peer suite holds both sizes against DynamoDB Local at the edge.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { unreachable } from '../../kernel/assert.ts';
import { toHex } from '../../kernel/bytes.ts';
import type { Changes, Condition, Value, Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { keyText, overLimit } from './check-writes.ts';
import { toDynamoValue } from './dynamodb-values.ts';

export interface Expressions {
  condition?: string;
  update?: string;
  names?: Record<string, string>;
  values?: Record<string, AttributeValue>;
  cost: ExpressionCost;
}

export interface ExpressionCost {
  conditionBytes: number;
  conditionOperators: number;
  updateBytes: number;
  updateOperators: number;
}

/** The write's expressions. Throws `POLICY_VIOLATION` with the name of the limit where one is too large. */
export function compileWrite(write: Write): Expressions {
  const expressions = compile(write);
  const { cost } = expressions;
  const operators = Math.max(cost.conditionOperators, cost.updateOperators);
  if (operators > storageLimits.expressionOperatorsMax) {
    const what = `an expression of ${operators} operators for the item ${keyText(write.key)}`;
    throw overLimit('expressionOperatorsMax', what, storageLimits.expressionOperatorsMax);
  }
  const bytes = Math.max(cost.conditionBytes, cost.updateBytes);
  if (bytes > storageLimits.expressionBytesMax) {
    const what = `an expression of ${bytes} bytes for the item ${keyText(write.key)}`;
    throw overLimit('expressionBytesMax', what, storageLimits.expressionBytesMax);
  }
  return expressions;
}

/** Parts of a write that fit whatever they are: none takes more than 5 operators or 60 bytes of an expression. */
const PARTS_THAT_FIT = 60;

/** Throws like `compileWrite` where DynamoDB would not take the write, for a store that needs no expressions. */
export function checkExpressions(write: Write): void {
  if (partsOf(write) > PARTS_THAT_FIT) compileWrite(write);
}

function partsOf({ conditions = [], ...write }: Write): number {
  if (write.kind !== 'update') return conditions.length;
  const { set = {}, add = {}, append = {}, remove = [], dropFirst = {} } = write.changes;
  const names = [set, add, append].reduce((count, part) => count + Object.keys(part).length, remove.length);
  return Object.values(dropFirst).reduce((count, dropped) => count + dropped, conditions.length + names);
}

/** What the write's expressions come to, for planners that split writes. */
export function expressionCost(write: Write): ExpressionCost {
  return compile(write).cost;
}

/** Whether DynamoDB takes the write in one piece. Its values don't matter, only that equal ones are shared. */
export function fitsOneExpression(write: Write): boolean {
  const cost = expressionCost(write);
  return (
    Math.max(cost.conditionOperators, cost.updateOperators) <= storageLimits.expressionOperatorsMax &&
    Math.max(cost.conditionBytes, cost.updateBytes) <= storageLimits.expressionBytesMax
  );
}

function compile(write: Write): Expressions {
  const placeholders = new Placeholders();
  const condition = conditionExpression(write.conditions ?? [], placeholders);
  const update = write.kind === 'update' ? updateExpression(write.changes, placeholders) : { text: '', operators: 0 };
  return {
    ...(condition.text === '' ? {} : { condition: condition.text }),
    ...(update.text === '' ? {} : { update: update.text }),
    ...placeholders.attributes(),
    cost: {
      conditionBytes: condition.text.length,
      conditionOperators: condition.operators,
      updateBytes: update.text.length,
      updateOperators: update.operators,
    },
  };
}

/** All placeholders are ASCII, so that a text's length is its size in bytes. */
interface Expression {
  text: string;
  operators: number;
}

function conditionExpression(conditions: readonly Condition[], placeholders: Placeholders): Expression {
  // A map, since clauses of one attribute share what they say of its type.
  const clauses = new Map<string, number>();
  for (const condition of conditions) {
    for (const [text, operators] of conditionClauses(condition, placeholders)) clauses.set(text, operators);
  }
  let operators = Math.max(0, clauses.size - 1);
  for (const count of clauses.values()) operators += count;
  return { text: [...clauses.keys()].join(' AND '), operators };
}

const COMPARATORS = { less: '<', 'at-most': '<=', greater: '>', 'at-least': '>=' } as const;

/** Clauses to be joined with AND, each with its operators. */
function conditionClauses(condition: Condition, placeholders: Placeholders): [string, number][] {
  if (condition.clause === 'item-exists') return [['attribute_exists(pk)', 1]];
  if (condition.clause === 'item-absent') return [['attribute_not_exists(pk)', 1]];
  const name = placeholders.name(condition.attribute);
  switch (condition.clause) {
    case 'exists':
      return [[`attribute_exists(${name})`, 1]];
    case 'absent':
      return [[`attribute_not_exists(${name})`, 1]];
    case 'equals':
      return [[`${name}=${placeholders.value(condition.value)}`, 1]];
    case 'not-equals':
      // By itself, `<>` holds for an attribute that is missing.
      return [
        [`attribute_exists(${name})`, 1],
        [`${name}<>${placeholders.value(condition.value)}`, 1],
      ];
    case 'less':
    case 'at-most':
    case 'greater':
    case 'at-least':
      return [[`${name}${COMPARATORS[condition.clause]}${placeholders.value(condition.value)}`, 1]];
    case 'shorter':
      // `size` is defined for texts, binaries and maps too.
      return [isList(name, placeholders), [`size(${name})<${placeholders.value(condition.length)}`, 2]];
    case 'lacks':
      // `contains` is false for an attribute that is missing, and looks for parts in a text.
      return [isList(name, placeholders), [`NOT contains(${name},${placeholders.value(condition.value)})`, 2]];
    default:
      return unreachable(condition);
  }
}

function isList(name: string, placeholders: Placeholders): [string, number] {
  return [`attribute_type(${name},${placeholders.value('L')})`, 1];
}

function updateExpression(changes: Changes, placeholders: Placeholders): Expression {
  const set: string[] = [];
  const add: string[] = [];
  const remove: string[] = [];
  let operators = 0;
  for (const [name, value] of Object.entries(changes.set ?? {})) {
    set.push(`${placeholders.name(name)}=${placeholders.value(value)}`);
  }
  for (const [attribute, values] of Object.entries(changes.append ?? {})) {
    const name = placeholders.name(attribute);
    const empty = placeholders.value([]);
    set.push(`${name}=list_append(if_not_exists(${name},${empty}),${placeholders.value(values)})`);
    operators += 2;
  }
  for (const [name, amount] of Object.entries(changes.add ?? {})) {
    add.push(`${placeholders.name(name)} ${placeholders.value(amount)}`);
  }
  for (const name of changes.remove ?? []) remove.push(placeholders.name(name));
  for (const [attribute, count] of Object.entries(changes.dropFirst ?? {})) {
    const name = placeholders.name(attribute);
    // Indexes are those of the list as it was before, whatever is removed beside.
    for (let index = 0; index < count; index++) remove.push(`${name}[${index}]`);
  }
  const actions = [
    set.length > 0 ? `SET ${set.join(',')}` : '',
    add.length > 0 ? `ADD ${add.join(',')}` : '',
    remove.length > 0 ? `REMOVE ${remove.join(',')}` : '',
  ];
  return { text: actions.filter((action) => action !== '').join(' '), operators };
}

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Binary values above this are not compared with others: hardly ever equal, and the key would be as large. */
const SHARED_VALUE_BYTES_MAX = 64;

/** Short names for attributes and values. Every attribute and every equal value is named once. */
class Placeholders {
  private readonly names = new Map<string, string>();
  private readonly shared = new Map<string, string>();
  private readonly values: Record<string, AttributeValue> = {};
  private valueCount = 0;

  name(attribute: string): string {
    let placeholder = this.names.get(attribute);
    if (placeholder === undefined) {
      placeholder = `#${shortName(this.names.size)}`;
      this.names.set(attribute, placeholder);
    }
    return placeholder;
  }

  value(value: Value): string {
    const identity = identityOf(value);
    const known = identity === undefined ? undefined : this.shared.get(identity);
    if (known !== undefined) return known;
    const placeholder = `:${shortName(this.valueCount++)}`;
    this.values[placeholder] = toDynamoValue(value);
    if (identity !== undefined) this.shared.set(identity, placeholder);
    return placeholder;
  }

  /** DynamoDB refuses empty maps. */
  attributes(): Pick<Expressions, 'names' | 'values'> {
    return {
      ...(this.names.size > 0 && { names: Object.fromEntries([...this.names].map(([name, short]) => [short, name])) }),
      ...(this.valueCount > 0 && { values: this.values }),
    };
  }
}

/** A text that equal values share, or `undefined` for values that are not worth sharing. */
function identityOf(value: Value): string | undefined {
  if (typeof value !== 'object') return `${typeof value}:${value === 0 ? 0 : value}`;
  if (value instanceof Uint8Array) return value.length > SHARED_VALUE_BYTES_MAX ? undefined : `bytes:${toHex(value)}`;
  return Array.isArray(value) && value.length === 0 ? 'list:' : undefined;
}

function shortName(index: number): string {
  const rest = Math.floor(index / DIGITS.length);
  return (rest > 0 ? shortName(rest - 1) : '') + DIGITS[index % DIGITS.length];
}
