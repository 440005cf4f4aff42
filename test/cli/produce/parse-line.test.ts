import { describe, expect, it } from 'vitest';
import { type LineOptions, parseLine } from '../../../lib/cli/produce/parse-line.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';

const options: LineOptions = { format: 'text', emptyIsNull: false, headers: [] };
const withKey: LineOptions = { ...options, keySeparator: utf8('::') };
const json: LineOptions = { ...options, format: 'json' };
const parse = (line: string | Uint8Array, of: LineOptions) =>
  parseLine(typeof line === 'string' ? utf8(line) : line, of);

describe('a line of text', () => {
  it('is the value, byte for byte', () => {
    const bytes = Uint8Array.of(0xff, 0x3a, 0);
    expect(parse(bytes, options)).toMatchObject({ key: null, value: bytes });
    expect(parse('', options)).toMatchObject({ key: null, value: utf8('') });
  });

  it('begins with the key where there is a separator, up to the first', () => {
    expect(parse('a::b::c', withKey)).toMatchObject({ key: utf8('a'), value: utf8('b::c') });
    expect(parse('::', withKey)).toMatchObject({ key: utf8(''), value: utf8('') });
  });

  it('is refused without the separator', () => {
    expect(() => parse('a:b', withKey)).toThrow('has no "::" between key and value');
  });

  it('has nulls for what is empty where that is asked for', () => {
    expect(parse('::', { ...withKey, emptyIsNull: true })).toMatchObject({ key: null, value: null });
    expect(parse('a::', { ...withKey, emptyIsNull: true })).toMatchObject({ key: utf8('a'), value: null });
  });

  it('has the headers and the partition of all', () => {
    const headers = [{ key: 'h', value: '1' }];
    expect(parse('a', { ...options, headers, partition: 3 })).toMatchObject({ headers, partition: 3 });
  });
});

describe('a line of base64', () => {
  const base64: LineOptions = { ...withKey, format: 'base64' };

  it('is decoded, key and value', () => {
    expect(parse('aw==::/wA=', base64)).toMatchObject({ key: utf8('k'), value: Uint8Array.of(0xff, 0) });
  });

  it.each(['aw==::!', 'a::aw==', 'aw==::aw', 'aw==::aw_-', 'aw==::aw== '])('is refused: %s', (line) => {
    expect(() => parse(line, base64)).toThrow(/has a (key|value) that is not base64 with padding/);
  });
});

describe('a line of JSON', () => {
  it('is a record as the API has it', () => {
    const line =
      '{"key":"k","value":{"n":1.50,"big":123456789012345678901},"headers":{"h":"v"},"partition":2,"timestamp":7,"topic":"t","offset":9}';
    expect(parse(line, json)).toEqual({
      key: utf8('k'),
      value: utf8('{"n":1.50,"big":123456789012345678901}'),
      headers: [{ key: 'h', value: 'v' }],
      partition: 2,
      timestamp: 7,
    });
  });

  it('may have bytes, nulls and nothing', () => {
    expect(parse('{"key_base64":"/w==","value":null}', json)).toMatchObject({ key: Uint8Array.of(0xff), value: null });
    expect(parse('{}', json)).toMatchObject({ key: null, value: null });
    const headers = '[{"key":"a","value":null},{"key":"a","value_base64":"/w=="},{"key":"b","value_base64":null}]';
    expect(parse(`{"headers":${headers}}`, json)).toMatchObject({
      headers: [
        { key: 'a', value: null },
        { key: 'a', value: Uint8Array.of(0xff) },
        { key: 'b', value: null },
      ],
    });
  });

  it('goes where all go, with their headers first', () => {
    const all = { ...json, partition: 5, headers: [{ key: 'all', value: 'x' }] };
    expect(parse('{"value":1,"partition":2,"headers":{"own":"y"}}', all)).toMatchObject({
      partition: 5,
      headers: [
        { key: 'all', value: 'x' },
        { key: 'own', value: 'y' },
      ],
    });
  });

  it.each([
    ['', 'is not JSON'],
    ['{"value":1', 'is not JSON'],
    ['[]', 'is not a record'],
    ['"text"', 'is not a record'],
    ['null', 'is not a record'],
    ['{"vlaue":1}', 'has "vlaue"; a record has key, key_base64, value'],
    ['{"__proto__":1}', 'has "__proto__"'],
    ['{"value":1,"value":2}', 'has "value" twice'],
    ['{"value":1,"value_base64":"aw=="}', 'has "value" and "value_base64"'],
    ['{"value_base64":"?"}', 'has a value_base64 that is not base64'],
    ['{"value_base64":7}', 'has a value_base64 that is not a string'],
    ['{"partition":-1}', 'has a partition that is not a whole number from 0 to 9999'],
    ['{"partition":10000}', 'has a partition that is not a whole number'],
    ['{"timestamp":1e3}', 'has a timestamp that is not a whole number'],
    ['{"headers":7}', 'has headers that are no object and no array'],
    ['{"headers":{"a":7}}', 'has a header that is not'],
    ['{"headers":[{"key":"a"}]}', 'has a header that is not'],
    ['{"headers":[{"value":"a"}]}', 'has a header that is not'],
    ['{"headers":[{"key":"a","value":"b","more":1}]}', 'has a header that is not'],
    [
      `{"headers":[${Array.from({ length: 101 }, () => '{"key":"a","value":"b"}').join()}]}`,
      'has 101 headers, more than 100',
    ],
  ])('is refused: %s', (line, message) => {
    expect(() => parse(line, json)).toThrow(message);
  });

  it('is refused where it is no UTF-8', () => {
    expect(() => parse(Uint8Array.of(0x22, 0xff, 0x22), json)).toThrow('is not UTF-8');
  });
});
