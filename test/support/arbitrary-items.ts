/** Arbitrary items, conditions and changes for the properties of everything that stores or compares them. */
import * as fc from 'fast-check';
import type { Attributes, Changes, Condition, ItemKey, Value, Write } from '../../lib/kernel/items.ts';

/** Any Unicode text, the zero byte and characters beyond U+FFFF among it. */
const anyText = fc.string({ unit: 'binary', maxLength: 20 });

const anyBytes = fc.uint8Array({ maxLength: 40 });

/** Every number that DynamoDB can hold: its magnitudes end before a double's. */
const anyNumber = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((value) => value === 0 || (Math.abs(value) >= 1e-130 && Math.abs(value) < 1e126)),
);

export const anyScalar: fc.Arbitrary<string | number | boolean | Uint8Array> = fc.oneof(
  anyText,
  anyNumber,
  fc.boolean(),
  anyBytes,
);

/** Names that are easily mishandled are drawn more often than chance would. */
const anyName = fc
  .oneof(anyText, fc.constantFrom('constructor', 'toString', 'S', 'name', 'size', 'a.b', 'a[0]', '#a', ':a'))
  .filter((name) => !['', 'pk', 'sk', '__proto__'].includes(name));

const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value; list: Value[]; map: { [name: string]: Value } }>(
  (tie) => ({
    value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, anyScalar, tie('list'), tie('map')),
    list: fc.array(tie('value'), { maxLength: 5 }),
    map: dictionary(anyName, tie('value')),
  }),
).value;

export const anyAttributes: fc.Arbitrary<Attributes> = dictionary(anyName, anyValue);

function dictionary(name: fc.Arbitrary<string>, value: fc.Arbitrary<Value>): fc.Arbitrary<{ [name: string]: Value }> {
  return fc
    .uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 6 })
    .map((entries) => Object.fromEntries(entries));
}

/** Few keys and few attributes, each of one type for life, so that random writes meet each other. */
export const FEW_KEYS: readonly ItemKey[] = [
  { pk: 'p', sk: 'a' },
  { pk: 'p', sk: 'b' },
  { pk: 'q', sk: 'a' },
];
const NUMBERS = ['n1', 'n2'];
const TEXTS = ['t1', 't2'];
const LISTS = ['l1', 'l2'];

const smallNumber = fc.integer({ min: -3, max: 3 });
const smallText = fc.constantFrom('', 'a', 'b', '\u{e000}', '\u{10000}');
const smallElement = fc.oneof(smallNumber, smallText, fc.uint8Array({ maxLength: 1 }));
const number = fc.constantFrom(...NUMBERS);
const text = fc.constantFrom(...TEXTS);
const list = fc.constantFrom(...LISTS);
const anywhere = fc.constantFrom(...NUMBERS, ...TEXTS, ...LISTS, 'missing');

/** Conditions of every clause over those attributes, types that do not match included. */
export const smallCondition: fc.Arbitrary<Condition> = fc.oneof(
  fc.constantFrom<Condition>({ clause: 'item-exists' }, { clause: 'item-absent' }),
  fc.record({ clause: fc.constantFrom('exists', 'absent'), attribute: anywhere }),
  fc.record({
    clause: fc.constantFrom('equals', 'not-equals'),
    attribute: anywhere,
    value: fc.oneof(smallElement, fc.boolean()),
  }),
  fc.record({
    clause: fc.constantFrom('less', 'at-most', 'greater', 'at-least'),
    attribute: anywhere,
    value: fc.oneof(smallNumber, smallText),
  }),
  fc.record({ clause: fc.constant('shorter'), attribute: anywhere, length: fc.nat({ max: 4 }) }),
  fc.record({ clause: fc.constant('lacks'), attribute: anywhere, value: smallElement }),
);

const smallAttributes: fc.Arbitrary<Attributes> = fc
  .tuple(
    fc.dictionary(number, smallNumber),
    fc.dictionary(text, smallText),
    fc.dictionary(list, fc.array(smallElement, { maxLength: 3 })),
  )
  .map((parts) => Object.assign({}, ...parts) as Attributes);

/** Each attribute is named in one part, as the vocabulary asks. */
export const smallChanges: fc.Arbitrary<Changes> = fc
  .record({
    set: smallAttributes,
    add: fc.dictionary(number, smallNumber),
    append: fc.dictionary(list, fc.array(smallElement, { maxLength: 2 })),
    remove: fc.uniqueArray(anywhere),
  })
  .map(({ set, add, append, remove }) => {
    const taken = new Set<string>(Object.keys(set));
    const free = <T>(part: Record<string, T>) =>
      Object.fromEntries(Object.entries(part).filter(([name]) => !taken.has(name) && taken.add(name)));
    return {
      set,
      add: free(add),
      append: free(append),
      remove: remove.filter((name) => !taken.has(name)),
    };
  })
  .filter((changes) => Object.values(changes).some((part) => Object.keys(part).length > 0));

const conditions = fc.array(smallCondition, { maxLength: 2 });
const fewKeys = fc.constantFrom(...FEW_KEYS);

export const smallWrite: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ kind: fc.constant('put'), key: fewKeys, attributes: smallAttributes, conditions }),
  fc.record({ kind: fc.constant('update'), key: fewKeys, changes: smallChanges, conditions }),
  fc.record({ kind: fc.constant('delete'), key: fewKeys, conditions }),
  fc.record({
    kind: fc.constant('check'),
    key: fewKeys,
    conditions: fc.array(smallCondition, { minLength: 1, maxLength: 2 }),
  }),
);

/** One write, or a transaction over different keys. */
export const smallWrites: fc.Arbitrary<Write[]> = fc.uniqueArray(smallWrite, {
  minLength: 1,
  maxLength: FEW_KEYS.length,
  selector: ({ key }) => `${key.pk}/${key.sk}`,
});
