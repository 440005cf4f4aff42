import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64Format, jsonFormat, textFormat } from '../../../lib/cli/consume/formats.ts';
import { parseJsonLine } from '../../../lib/cli/produce/json-line.ts';
import { utf8, utf8Text } from '../../../lib/kernel/bytes.ts';

const source = { topic: 'orders', partition: 2 };
const record = (value: Uint8Array | null, key: Uint8Array | null = null) => ({
  offset: 7,
  timestamp: 5,
  key,
  value,
  headers: [],
});

it('text is the bytes of the value, and of the key before a separator', () => {
  const bytes = Uint8Array.of(0xff, 0);
  expect(textFormat(undefined)(record(bytes, utf8('k')), source)).toEqual(Uint8Array.of(0xff, 0, 10));
  expect(textFormat(utf8(': '))(record(utf8('v'), utf8('k')), source)).toEqual(utf8('k: v\n'));
  expect(textFormat(utf8(':'))(record(null), source)).toEqual(utf8(':\n'));
});

it('base64 is a line whatever the bytes', () => {
  expect(base64Format(utf8(' '))(record(Uint8Array.of(10, 10), utf8('k')), source)).toEqual(utf8('aw== Cgo=\n'));
});

describe('json', () => {
  const valueOf = (text: string) => /"value":(.*),"headers":\[\]\}\n$/s.exec(shown(utf8(text)) ?? '')?.[1];
  const shown = (value: Uint8Array) => utf8Text(jsonFormat(record(value), source));

  it('is an object with where the record is', () => {
    expect(JSON.parse(shown(utf8('x')) ?? '')).toEqual({
      topic: 'orders',
      partition: 2,
      offset: 7,
      timestamp: 5,
      key: null,
      value: 'x',
      headers: [],
    });
  });

  it.each(['{"b":1.50,"2":[]}', '[1]', '123456789012345678901234567890', '-0.0', 'true', 'false'])(
    'shows %s as it is',
    (text) => expect(valueOf(text)).toBe(text),
  );

  it.each(['null', '"text"', 'tru', '{', '01', ' 1', '1 ', '{"a":\n1}', '', '\u2028'])(
    'shows %j as a string',
    (text) => {
      expect(valueOf(text)).toBe(JSON.stringify(text));
    },
  );

  it('is one line, of which producing makes the same record', () => {
    const bytes = fc.oneof(
      fc.constant(null),
      fc.uint8Array({ maxLength: 12 }),
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.json()).map(utf8),
    );
    const headers = fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: bytes }), { maxLength: 3 });
    fc.assert(
      fc.property(bytes, bytes, headers, (key, value, headers) => {
        const line = jsonFormat({ offset: 7, timestamp: 5, key, value, headers }, source);
        expect(line.indexOf(10)).toBe(line.length - 1);
        const parsed = parseJsonLine(line.subarray(0, -1));
        const asBytes = parsed.headers.map((header) => ({
          key: header.key,
          value: typeof header.value === 'string' ? utf8(header.value) : header.value,
        }));
        expect({ ...parsed, headers: asBytes }).toEqual({ key, value, headers, partition: 2, timestamp: 5 });
      }),
    );
  });
});
