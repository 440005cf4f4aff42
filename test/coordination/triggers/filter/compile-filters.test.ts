import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileFilters } from '../../../../lib/coordination/triggers/filter/compile-filters.ts';
import type { FilteredRecord } from '../../../../lib/coordination/triggers/filter/filtered-record.ts';
import { utf8 } from '../../../../lib/kernel/bytes.ts';
import { triggerLimits } from '../../../../lib/kernel/limits/triggers.ts';
import { matchesByFlattening } from './flattening-oracle.ts';

function record(parts: Partial<FilteredRecord> = {}): FilteredRecord {
  return {
    topic: 'orders',
    partition: 3,
    offset: 15,
    timestamp: 1_545_084_650_987,
    key: null,
    value: null,
    headers: [],
    ...parts,
  };
}

function passes(pattern: unknown, of: FilteredRecord): boolean {
  const compiled = compileFilters([JSON.stringify(pattern)]);
  if (compiled.result === 'refused') throw new Error(compiled.detail);
  return compiled.passes(of);
}

const valueOf = (value: unknown) => record({ value: utf8(typeof value === 'string' ? value : JSON.stringify(value)) });

const refusal = (...patterns: string[]) => {
  const compiled = compileFilters(patterns);
  return compiled.result === 'refused' ? compiled.detail : 'taken';
};

describe('filters', () => {
  // From "Filtering events from Amazon MSK and self-managed Apache Kafka" and "Control which events Lambda sends".
  test.each<[string, unknown, unknown, boolean]>([
    ['prefix', { device_ID: [{ prefix: 'AB' }] }, { device_ID: 'AB1234', session: { duration: 162 } }, true],
    ['prefix of another', { device_ID: [{ prefix: 'AB' }] }, { device_ID: 'CD1234' }, false],
    ['null', { UserID: [null] }, { UserID: null }, true],
    ['null of what is absent', { UserID: [null] }, {}, false],
    ['empty', { LastName: [''] }, { LastName: '' }, true],
    ['equals', { Name: ['Alice'] }, { Name: 'Alice' }, true],
    ['equals in another case', { Name: ['Alice'] }, { Name: 'alice' }, false],
    ['equals ignoring case', { Name: [{ 'equals-ignore-case': 'alice' }] }, { Name: 'ALICE' }, true],
    ['and', { Location: ['New York'], Day: ['Monday'] }, { Location: 'New York', Day: 'Monday' }, true],
    [
      'and, one of which is not so',
      { Location: ['New York'], Day: ['Monday'] },
      { Location: 'New York', Day: 'Friday' },
      false,
    ],
    ['or', { PaymentType: ['Credit', 'Debit'] }, { PaymentType: 'Debit' }, true],
    [
      'or of fields',
      { $or: [{ Location: ['New York'] }, { Day: ['Monday'] }] },
      { Location: 'Rome', Day: 'Monday' },
      true,
    ],
    [
      'or of fields, none of which',
      { $or: [{ Location: ['New York'] }, { Day: ['Monday'] }] },
      { Location: 'Rome' },
      false,
    ],
    ['not', { Weather: [{ 'anything-but': ['Raining'] }] }, { Weather: 'Sunny' }, true],
    ['not, which it is', { Weather: [{ 'anything-but': ['Raining'] }] }, { Weather: 'Raining' }, false],
    ['not, of what is absent', { Weather: [{ 'anything-but': ['Raining'] }] }, {}, false],
    ['numeric equals', { Price: [{ numeric: ['=', 100] }] }, { Price: 100 }, true],
    ['numeric equals of text', { Price: [{ numeric: ['=', 100] }] }, { Price: '100' }, false],
    ['range', { Price: [{ numeric: ['>', 10, '<=', 20] }] }, { Price: 20 }, true],
    ['range, its open end', { Price: [{ numeric: ['>', 10, '<=', 20] }] }, { Price: 10 }, false],
    ['exists', { ProductName: [{ exists: true }] }, { ProductName: 'book' }, true],
    ['exists, with null', { ProductName: [{ exists: true }] }, { ProductName: null }, true],
    ['exists not', { ProductName: [{ exists: false }] }, { Price: 1 }, true],
    ['exists not, deep', { product: { name: [{ exists: false }] } }, { Price: 1 }, true],
    ['exists not, as no leaf', { product: [{ exists: false }] }, { product: { name: 'book' } }, true],
    ['begins', { Region: [{ prefix: 'us-' }] }, { Region: 'us-east-1' }, true],
    ['begins ignoring case', { Region: [{ prefix: { 'equals-ignore-case': 'US-' } }] }, { Region: 'us-east-1' }, true],
    ['ends', { FileName: [{ suffix: '.png' }] }, { FileName: 'a.png' }, true],
    ['ends ignoring case', { FileName: [{ suffix: { 'equals-ignore-case': '.PNG' } }] }, { FileName: 'a.png' }, true],
  ])('match as documented: %s', (_, pattern, body, expected) => {
    expect(passes({ value: pattern }, valueOf(body))).toBe(expected);
  });

  // From EventBridge's "Comparison operators" and Event Ruler's README.
  test.each<[unknown, unknown, boolean]>([
    [{ s: [{ 'anything-but': { prefix: 'init' } }] }, { s: 'running' }, true],
    [{ s: [{ 'anything-but': { prefix: ['init', 'run'] } }] }, { s: 'running' }, false],
    [{ s: [{ 'anything-but': { suffix: '.png' } }] }, { s: 'a.txt' }, true],
    [{ s: [{ 'anything-but': { wildcard: '*/lib/*' } }] }, { s: 'x/lib/y' }, false],
    [{ s: [{ 'anything-but': { 'equals-ignore-case': ['A', 'b'] } }] }, { s: 'B' }, false],
    [{ s: [{ 'anything-but': 123 }] }, { s: 124 }, true],
    [{ s: [{ 'anything-but': [100, 200] }] }, { s: 'text' }, true],
    [{ ip: [{ cidr: '10.0.0.0/24' }] }, { ip: '10.0.0.255' }, true],
    [{ ip: [{ cidr: '10.0.0.0/24' }] }, { ip: '10.0.1.0' }, false],
    [{ path: [{ wildcard: 'dir/*.png' }] }, { path: 'dir/a/b.png' }, true],
    [{ tags: ['b'] }, { tags: ['a', ['b']] }, true],
    [{ tags: [{ exists: true }] }, { tags: [] }, false],
    [{ employees: { firstName: ['Anna'] } }, { employees: [[{ firstName: 'John' }], [{ firstName: 'Anna' }]] }, true],
    [
      { employees: { firstName: ['Anna'], lastName: ['Jones'] } },
      {
        employees: [
          { firstName: 'Anna', lastName: 'Smith' },
          { firstName: 'Peter', lastName: 'Jones' },
        ],
      },
      false,
    ],
    [{ a: [1], $or: [{ b: [1] }, { c: [1], $or: [{ d: [1] }, { e: [1] }] }] }, { a: 1, c: 1, e: 1 }, true],
    [{ a: [1], $or: [{ b: [1] }, { c: [1], $or: [{ d: [1] }, { e: [1] }] }] }, { a: 1, c: 1 }, false],
    [{ n: [300] }, '{"n": 3.0e2}', true],
    [{ toString: [{ exists: true }] }, {}, false],
  ])('match %j as Event Ruler does (%#)', (pattern, body, expected) => {
    expect(passes({ value: pattern }, valueOf(body))).toBe(expected);
  });

  // "Properly filtering Kafka messages": what the value is, by what the pattern has for it.
  test.each<[string, unknown, boolean]>([
    ['error', { value: [{ 'anything-but': ['error'] }] }, false],
    ['fine', { value: [{ 'anything-but': ['error'] }] }, true],
    ['fine', { value: { a: [{ exists: false }] } }, false],
    ['{"a":1}', { value: [{ 'anything-but': ['error'] }] }, false],
    ['{"a":1}', { value: { a: [1] } }, true],
    [' [{"a":1}]', { value: { a: [1] } }, true],
    ['{"a":1', { value: [{ prefix: '{' }] }, true],
    ['42', { value: ['42'] }, true],
    ['42', { value: [42] }, false],
    ['{"a":1}', { topic: ['orders'] }, true],
    ['fine', { topic: ['orders'] }, true],
  ])('of the value %s by %j: %s', (value, pattern, expected) => {
    expect(passes(pattern, valueOf(value))).toBe(expected);
  });

  test.each<[unknown, Partial<FilteredRecord>, boolean]>([
    [{ key: [{ prefix: 'customer-' }] }, { key: utf8('customer-7') }, true],
    [{ key: { tenant: ['a'] } }, { key: utf8('{"tenant":"a"}') }, true],
    [{ key: [{ exists: false }] }, { key: null }, true],
    [{ key: [{ exists: true }] }, { key: Uint8Array.of(0xff) }, true],
    [{ key: [{ 'anything-but': 'x' }] }, { key: Uint8Array.of(0xff) }, false],
    [{ value: [null] }, { value: null }, true],
    [{ value: [''] }, { value: utf8('') }, true],
    [{ value: { a: [{ exists: false }] } }, { value: null }, false],
    [{ topic: [{ prefix: 'ord' }], partition: [3], offset: [{ numeric: ['>=', 15] }] }, {}, true],
    [{ timestamp: [{ numeric: ['<', 1_545_084_650_987] }] }, {}, false],
    [{ headers: { type: ['b'] } }, { headers: [header('type', 'a'), header('type', 'b')] }, true],
    [{ headers: { type: ['a'] } }, { headers: [{ key: 'type', value: null }] }, false],
    [{ headers: { type: [null] } }, { headers: [{ key: 'type', value: null }] }, true],
    [{ headers: { type: [{ exists: false }] } }, { headers: [header('other', 'a')] }, true],
    [{ headers: { type: [{ exists: true }] } }, { headers: [{ key: 'type', value: Uint8Array.of(0xff) }] }, true],
    [{ headers: { __proto__x: ['a'] } }, { headers: [header('__proto__', 'a')] }, false],
    [{ $or: [{ topic: ['x'] }, { value: { a: [1] } }, { key: ['k'] }] }, { key: utf8('k') }, true],
  ])('look at key, headers and place: %j of %#', (pattern, parts, expected) => {
    expect(passes(pattern, record(parts))).toBe(expected);
  });

  test('let everything pass where there are none, and what one of several matches', () => {
    const none = compileFilters([]);
    expect(none.result === 'filters' && none.passes(record())).toBe(true);
    const two = compileFilters(['{"partition":[1]}', '{"partition":[3]}']);
    expect(two.result === 'filters' && two.passes(record())).toBe(true);
  });

  test.each([
    ['nope', 'filter 0: it is not JSON'],
    ['[]', 'filter 0: it must be an object'],
    ['{}', 'filter 0: an object without fields would match everything'],
    [
      '{"body":["a"]}',
      'filter 0, at body: a record has no such field, it has value, key, headers, topic, partition, offset, timestamp',
    ],
    ['{"value":"a"}', 'filter 0, at value: it must be a list of matchers, or an object of fields'],
    ['{"value":{"a":{"b":[]}}}', 'filter 0, at value.a.b: the list is empty, and would match nothing'],
    [
      '{"value":{"a b":[{"prefx":"x"}]}}',
      'filter 0, at value["a b"][0]: "prefx" is no operator, which are prefix, suffix',
    ],
    [
      '{"value":{"a":[{"prefix":1}]}}',
      'filter 0, at value.a[0].prefix: it must be a string or {"equals-ignore-case": …}',
    ],
    ['{"value":[["a"]]}', 'filter 0, at value[0]: a list stands where a value or an operator may'],
    ['{"value":[{"prefix":"a","suffix":"b"}]}', 'filter 0, at value[0]: it must have exactly one operator'],
    ['{"value":[{"exists":1}]}', 'filter 0, at value[0].exists: it must be true or false'],
    ['{"value":[{"cidr":"10.0.0.0"}]}', 'filter 0, at value[0].cidr: it must be a range'],
    ['{"value":[{"numeric":[">",2,"<",1]}]}', 'filter 0, at value[0].numeric: nothing is above 2 and below 1'],
    ['{"value":[{"numeric":["<",1,">",2]}]}', 'filter 0, at value[0].numeric: it must be [operator, number]'],
    ['{"value":[{"numeric":["toString",1]}]}', 'filter 0, at value[0].numeric: it must be [operator, number]'],
    ['{"value":[{"anything-but":["a",1]}]}', 'filter 0, at value[0].anything-but: it must be a string, a number'],
    ['{"value":[{"anything-but":{"prefix":""}}]}', 'filter 0, at value[0].anything-but.prefix: an empty string'],
    ['{"value":[{"wildcard":"a**"}]}', 'filter 0, at value[0].wildcard: it has two * in a row'],
    ['{"topic":{"a":["b"]}}', 'filter 0, at topic: it must be a list of matchers'],
    ['{"headers":["b"]}', "filter 0, at headers: it must be an object of headers' names"],
    ['{"$or":[{"key":["a"]}]}', 'filter 0, at $or: it must be a list of two objects or more'],
    ['{"$or":[{"key":["a"]},1]}', 'filter 0, at $or[1]: it must be an object'],
    ['{"value":{"$or":[{"prefix":["a"]},{"b":["a"]}]}}', 'filter 0, at value.$or[0].prefix: the name of an operator'],
    [`{"value":${'{"a":'.repeat(40)}["b"]${'}'.repeat(40)}}`, 'it nests deeper than 32'],
    [`{"value":["${'x'.repeat(triggerLimits.triggerFilterLengthMax)}"]}`, 'filter 0: it has more than 4096 characters'],
  ])('refuse %s', (pattern, detail) => {
    expect(refusal(pattern)).toContain(detail);
  });

  test('name which of them is refused, and refuse too many', () => {
    expect(refusal('{"key":["a"]}', '{"key":[]}')).toMatch(/^filter 1, at key:/);
    expect(refusal(...Array.from({ length: 11 }, () => '{"key":["a"]}'))).toBe('there are more than 10 filters');
  });

  test('agree with a reading of Event Ruler that flattens both sides', () => {
    const leaf = fc.constantFrom<unknown>('a', 'b', '', 1, 2, true, null);
    const json = fc.letrec<{ object: object; any: unknown }>((tie) => ({
      object: fc.dictionary(fc.constantFrom('x', 'y', 'z'), tie('any'), { maxKeys: 3 }),
      any: fc.oneof({ maxDepth: 3 }, leaf, tie('object'), fc.array(tie('any'), { maxLength: 3 })),
    }));
    const matcher = fc.oneof(
      leaf,
      fc.constantFrom({ prefix: 'a' }, { exists: true }, { 'anything-but': ['a', 'b'] }, { numeric: ['>', 1] }),
    );
    const pattern = fc.letrec<{ fields: object; any: unknown }>((tie) => ({
      fields: fc.oneof(
        { maxDepth: 3 },
        fc.dictionary(fc.constantFrom('x', 'y', 'z'), tie('any'), { minKeys: 1, maxKeys: 3 }),
        fc.record({ $or: fc.array(tie('fields'), { minLength: 2, maxLength: 3 }) }),
      ),
      any: fc.oneof({ maxDepth: 3 }, fc.array(matcher, { minLength: 1, maxLength: 3 }), tie('fields')),
    }));
    fc.assert(
      fc.property(pattern.fields, json.object, (fields, body) => {
        expect(passes({ value: fields }, valueOf(body))).toBe(matchesByFlattening(fields, body));
      }),
      { numRuns: 2_000 },
    );
  });

  test('take whatever JSON a pattern or record is without throwing', () => {
    fc.assert(
      fc.property(fc.json(), fc.oneof(fc.string(), fc.json()), (pattern, body) => {
        for (const text of [pattern, `{"value":${pattern}}`]) {
          const compiled = compileFilters([text]);
          expect(compiled.result === 'refused' || [true, false].includes(compiled.passes(valueOf(body)))).toBe(true);
        }
      }),
    );
  });

  test('take time proportional to the record, however it nests', () => {
    const started = process.cpuUsage().user;
    const deep = record({ value: utf8('['.repeat(500_000) + ']'.repeat(500_000)) });
    expect(passes({ value: { a: { b: [{ wildcard: '*a*a*a*a*b' }] } } }, deep)).toBe(false);
    const long = record({ value: utf8('a'.repeat(1_000_000)) });
    const stars = '*a'.repeat(1_500);
    expect(passes({ value: [{ wildcard: `${stars}*b*c` }] }, long)).toBe(false);
    expect(passes({ value: [{ wildcard: `*${'a'.repeat(3_000)}b*` }] }, long)).toBe(false);
    expect(process.cpuUsage().user - started).toBeLessThan(2_000_000);
  });
});

function header(key: string, value: string): FilteredRecord['headers'][number] {
  return { key, value: utf8(value) };
}
