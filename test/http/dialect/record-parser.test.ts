import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EmbeddedFormat } from '../../../lib/http/dialect/media-types.ts';
import { parseRecords } from '../../../lib/http/dialect/record-parser.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { requestLimits } from '../../../lib/kernel/limits/requests.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (given: Uint8Array | null) => (given === null ? null : Buffer.from(given).toString());

function parse(body: unknown, format: EmbeddedFormat, partition?: number) {
  const json = typeof body === 'string' ? body : JSON.stringify(body);
  return parseRecords(bytes(json), { format, partition }).map(({ key, value, headers, partition, timestamp }) => ({
    key: text(key),
    value: text(value),
    headers: headers.map((header) => [header.key, text(header.value)]),
    partition,
    timestamp,
  }));
}

function fault(body: unknown, format: EmbeddedFormat = 'json', partition?: number): string {
  try {
    parse(body, format, partition);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'INVALID_REQUEST') return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('records of the dialect', () => {
  test('binary are base64', () => {
    expect(parse({ records: [{ key: 'aw==', value: 'dg==' }] }, 'binary')).toEqual([
      { key: 'k', value: 'v', headers: [], partition: undefined },
    ]);
    expect(fault({ records: [{ value: 'a' }] }, 'binary')).toContain('records[0].value');
    expect(fault({ records: [{ value: 5 }] }, 'binary')).toContain('records[0].value');
    expect(fault({ records: [{ key: '-_==', value: '' }] }, 'binary')).toContain('records[0].key');
  });

  test('json are the JSON text that was sent, without the white space around its tokens', () => {
    const body = '{"records":[{"key":"k","value":{ "a" : [1, 1.50] }},{"value":"v"},{"value":12345678901234567890}]}';
    expect(parse(body, 'json').map(({ key, value }) => [key, value])).toEqual([
      ['"k"', '{"a":[1,1.50]}'],
      [null, '"v"'],
      [null, '12345678901234567890'],
    ]);
  });

  test('text are strings, and nothing else', () => {
    expect(parse({ records: [{ key: '', value: 'é😀' }] }, 'text')).toMatchObject([{ key: '', value: 'é😀' }]);
    expect(fault({ records: [{ value: {} }] }, 'text')).toContain('records[0].value');
    expect(fault('{"records":[{"value":"\\ud800"}]}', 'text')).toContain('records[0].value');
  });

  test.each(['binary', 'json', 'text'] as const)('%s have null for no key and no value', (format) => {
    expect(parse({ records: [{ key: null, value: null }] }, format)).toMatchObject([{ key: null, value: null }]);
  });

  test('name a partition and a time, and have headers in base64', () => {
    const headers = [
      { key: 'h', value: 'dg==' },
      { key: 'h', value: null },
    ];
    expect(parse({ records: [{ value: 1, partition: 3, timestamp: 5, headers }] }, 'json')).toEqual([
      {
        key: null,
        value: '1',
        partition: 3,
        timestamp: 5,
        headers: [
          ['h', 'v'],
          ['h', null],
        ],
      },
    ]);
  });

  test('go to the partition of the path, and must not name one beside it', () => {
    expect(parse({ records: [{ value: 1 }] }, 'json', 2)).toMatchObject([{ partition: 2 }]);
    expect(fault({ records: [{ value: 1, partition: 2 }] }, 'json', 2)).toContain('records[0].partition');
  });

  test.each([
    ['[]', 'The body'],
    ['{}', 'records'],
    ['{"records":{}}', 'records'],
    ['{"records":[],"records":[]}', 'records'],
    ['{"value_schema":"x","records":[]}', 'value_schema'],
    ['{"records":[5]}', 'records[0]'],
    ['{"records":[{}]}', 'records[0].value'],
    ['{"records":[{"value":1,"value":2}]}', 'records[0].value'],
    ['{"records":[{"value":1,"offset":2}]}', 'records[0].offset'],
    ['{"records":[{"value":1,"partition":-1}]}', 'records[0].partition'],
    ['{"records":[{"value":1,"partition":null}]}', 'records[0].partition'],
    ['{"records":[{"value":1,"timestamp":1.5}]}', 'records[0].timestamp'],
    ['{"records":[{"value":1,"headers":{}}]}', 'records[0].headers'],
    ['{"records":[{"value":1,"headers":[{"key":"a"}]}]}', 'records[0].headers[0].value'],
    ['{"records":[{"value":1,"headers":[{"value":""}]}]}', 'records[0].headers[0].key'],
    ['{"records":[{"value":1,"headers":[{"key":"a","value":"a"}]}]}', 'records[0].headers[0].value'],
    ['{"records":[{"value":1,"headers":[{"key":"a","key":"b","value":""}]}]}', 'records[0].headers[0].key'],
    ['{"records":[{"value":1}', 'byte'],
  ])('are refused in %s, naming %s', (body, named) => {
    expect(fault(body)).toContain(named);
  });

  test('are no more than a request may have', () => {
    const records = Array.from({ length: requestLimits.recordsPerRequestMax + 1 }, () => ({ value: null }));
    expect(fault({ records })).toContain('records must be');
    expect(parse({ records: records.slice(1) }, 'json')).toHaveLength(requestLimits.recordsPerRequestMax);
  });

  test('have the bytes that were encoded, whatever they are', () => {
    const content = fc.option(fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(fc.array(fc.record({ key: content, value: content }), { maxLength: 5 }), (records) => {
        const base64 = (given: Uint8Array | null) => (given === null ? null : Buffer.from(given).toString('base64'));
        const body = { records: records.map(({ key, value }) => ({ key: base64(key), value: base64(value) })) };
        const parsed = parseRecords(bytes(JSON.stringify(body)), { format: 'binary', partition: undefined });
        expect(parsed.map(({ key, value }) => [base64(key), base64(value)])).toEqual(
          body.records.map(({ key, value }) => [key, value]),
        );
      }),
    );
  });
});
