import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fieldPath, parseJson } from '../../../lib/http/json/parse.ts';

const parse = (text: string) => parseJson(Buffer.from(text));

describe('parseJson', () => {
  test('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(
          !text.includes('"__proto__":') && !/\\ud[89a-f]/.test(text) && !/\d{16}/.test(text) && !text.includes('e+'),
        );
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"a":[{"b":1,"b":1}]}', 'a[0].b'],
    ['{"config":{"retention.ms":1,"retention.ms":2}}', 'config["retention.ms"]'],
    ['{"__proto__":{}}', '__proto__'],
    ['{"a":{"__proto__":1}}', 'a.__proto__'],
    ['{"a":"\\ud800"}', 'a'],
    ['[9007199254740993]', '[0]'],
    ['{"n":1e400}', 'n'],
    ['{"n":-9223372036854775808}', 'n'],
  ])('refuses %s, naming %s', (text, field) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST', facts: { field } }));
  });

  test('says where a text stops being JSON', () => {
    expect(() => parse('{"a":tru}')).toThrow(/at byte 8/);
    expect(() => parse('')).toThrow(/at byte 0 it ends where a value must be/);
    expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/not valid UTF-8/);
  });

  test('makes no object that inherits what a client sent', () => {
    const parsed = parse('{"constructor":{"prototype":{"polluted":1}}}') as object;
    expect(Object.hasOwn(parsed, 'constructor')).toBe(true);
    expect('polluted' in {}).toBe(false);
  });
});

test('a field is named as one would write it', () => {
  expect(fieldPath('records[0]', 'value')).toBe('records[0].value');
  expect(fieldPath('', 'a b')).toBe('["a b"]');
  expect(fieldPath('a', 3)).toBe('a[3]');
  expect(fieldPath('a', 'x'.repeat(1_000_000))).toHaveLength(103);
});
