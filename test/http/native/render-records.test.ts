import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recordText, renderRecords } from '../../../lib/http/native/render-records.ts';
import type { LogRecord } from '../../../lib/log/record-batch/record.ts';

const record = (
  fields: Partial<Record<'key' | 'value', string | Uint8Array | null>> & { headers?: LogRecord['headers'] },
): LogRecord => ({
  offset: 7,
  timestamp: 1_767_225_600_000,
  headers: fields.headers ?? [],
  key: bytes(fields.key ?? null),
  value: bytes(fields.value ?? null),
});
const bytes = (given: string | Uint8Array | null) =>
  typeof given === 'string' ? new Uint8Array(Buffer.from(given)) : given;
const notText = new Uint8Array([0xff, 0x00]);

describe('a record as JSON', () => {
  test('utf8 has text as strings, other bytes as base64, null as null', () => {
    const rendered = JSON.parse(
      recordText(
        record({
          key: 'k"\n',
          value: notText,
          headers: [
            { key: 'a', value: notText },
            { key: 'b', value: null },
            { key: 'c', value: bytes('x') },
          ],
        }),
        'utf8',
      ),
    ) as unknown;
    expect(rendered).toEqual({
      offset: 7,
      timestamp: 1_767_225_600_000,
      key: 'k"\n',
      value_base64: '/wA=',
      headers: [
        { key: 'a', value_base64: '/wA=' },
        { key: 'b', value: null },
        { key: 'c', value: 'x' },
      ],
    });
    expect(JSON.parse(recordText(record({}), 'utf8'))).toMatchObject({ key: null, value: null, headers: [] });
    expect(JSON.parse(recordText(record({ value: '' }), 'utf8'))).toMatchObject({ value: '' });
  });

  test('base64 is base64 throughout', () => {
    const rendered = JSON.parse(
      recordText(record({ key: 'k', headers: [{ key: 'h', value: bytes('x') }] }), 'base64'),
    ) as unknown;
    expect(rendered).toEqual({
      offset: 7,
      timestamp: 1_767_225_600_000,
      key_base64: 'aw==',
      value_base64: null,
      headers: [{ key: 'h', value_base64: 'eA==' }],
    });
  });

  test('json is the value itself, else as utf8', () => {
    const value = (text: string | Uint8Array) => recordText(record({ value: text }), 'json');
    expect(value('{"a": [1, 2.50]}')).toContain('"value":{"a":[1,2.50]}');
    expect(value('12345678901234567890')).toContain('"value":12345678901234567890');
    expect(value('{\n"a":\r\n1}')).toContain('"value":{"a":1}');
    expect(value('not json')).toContain('"value":"not json"');
    expect(value('')).toContain('"value":""');
    expect(value('1 2')).toContain('"value":"1 2"');
    expect(value(notText)).toContain('"value_base64":"/wA="');
    expect(value('['.repeat(100) + ']'.repeat(100))).toContain('"value":"[[[');
    expect(recordText(record({ key: '5', headers: [{ key: 'h', value: bytes('5') }] }), 'json')).toContain(
      '"key":5,"value":null,"headers":[{"key":"h","value":"5"}]',
    );
  });

  test('is one line of JSON that says all of the record', () => {
    const anyBytes = fc.option(
      fc.oneof(
        fc.uint8Array(),
        fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
      ),
    );
    fc.assert(
      fc.property(
        anyBytes,
        anyBytes,
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom('utf8' as const, 'base64' as const),
        (key, value, header, encoding) => {
          const text = recordText({ offset: 0, timestamp: 0, key, value, headers: [{ key: header, value }] }, encoding);
          expect(text).not.toMatch(/[\n\r]/);
          const back = JSON.parse(text) as Record<string, string | null>;
          const decoded = (name: string) => {
            if (typeof back[name] === 'string') return [...Buffer.from(back[name])];
            const base64 = back[`${name}_base64`];
            return typeof base64 === 'string' ? [...Buffer.from(base64, 'base64')] : null;
          };
          expect(decoded('key')).toEqual(key && [...key]);
          expect(decoded('value')).toEqual(value && [...value]);
          expect(back['headers']?.[0]).toMatchObject({ key: header });
        },
      ),
    );
  });
});

describe('a cut by serialized size', () => {
  const records = Array.from({ length: 10 }, (_, offset) => ({
    ...record({ value: new Uint8Array(100).fill(0xff) }),
    offset,
  }));
  const render = (bytesMax: number) =>
    renderRecords(records, { encoding: 'utf8', bytesMax, frameBytes: 1, nextOffset: 10 });

  test('never goes over, and says where the next fetch begins', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_000 }), (bytesMax) => {
        const { texts, nextOffset, bytes: size } = render(bytesMax);
        const length = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
        expect(size).toBe(length);
        expect(nextOffset).toBe(texts.length);
        expect(length <= bytesMax || texts.length === 1).toBe(true);
        const next = records[texts.length];
        const nextLength =
          next === undefined ? Number.POSITIVE_INFINITY : Buffer.byteLength(recordText(next, 'utf8')) + 1;
        expect(length + nextLength).toBeGreaterThan(bytesMax);
      }),
    );
  });

  test('has at least one record, and none where there are none', () => {
    expect(render(0).texts).toHaveLength(1);
    expect(renderRecords([], { encoding: 'utf8', bytesMax: 0, frameBytes: 1, nextOffset: 42 })).toEqual({
      texts: [],
      nextOffset: 42,
      bytes: 0,
    });
  });
});
