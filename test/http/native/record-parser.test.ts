import type { z } from '@hono/zod-openapi';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fieldPath } from '../../../lib/http/json/parse.ts';
import { produceRecordSchema, produceRequestSchema } from '../../../lib/http/native/produce-routes.ts';
import { parseProduceRequest, parseRecordLine } from '../../../lib/http/native/record-parser.ts';
import { issuesOf } from '../../../lib/http/validate.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (given: Uint8Array | null) => (given === null ? null : Buffer.from(given).toString());

const line = (json: string) => {
  const { key, value, headers, ...rest } = parseRecordLine(bytes(json));
  return { ...rest, key: text(key), value: text(value), headers: headers.map((h) => [h.key, text(h.value)]) };
};

function refusalOf(run: () => unknown): MillraceError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
}

function fault(run: () => unknown): MillraceError {
  const refusal = refusalOf(run);
  if (refusal === undefined) throw new Error('nothing was refused');
  return refusal;
}

describe('a record', () => {
  test('keeps strings as their UTF-8 bytes and null or nothing as null', () => {
    expect(line('{"key":"kä","value":""}')).toMatchObject({ key: 'kä', value: '' });
    expect(line('{"key":null}')).toMatchObject({ key: null, value: null, headers: [] });
    expect(line('{"value":"a\\u00e9\\n\\ud83d\\ude00"}').value).toBe('aé\n😀');
  });

  test('keeps anything else as the JSON text that was sent, without white space between tokens', () => {
    expect(line('{"value":{ "a" : [1, 2.50, "x  y"] }, "key": 12345678901234567890}')).toMatchObject({
      value: '{"a":[1,2.50,"x  y"]}',
      key: '12345678901234567890',
    });
    expect(line('{"value":true}').value).toBe('true');
    expect(line('{"value":1e999}').value).toBe('1e999');
    expect(line('{"value":{"__proto__":1,"a":1,"a":2}}').value).toBe('{"__proto__":1,"a":1,"a":2}');
  });

  test('takes base64 for keys, values and header values', () => {
    const record = parseRecordLine(
      bytes('{"key_base64":"//79","value_base64":"","headers":[{"key":"h","value_base64":"AA=="},{"key":"n"}]}'),
    );
    expect([...(record.key ?? [])]).toEqual([255, 254, 253]);
    expect(record.value).toHaveLength(0);
    expect(record.headers.map(({ key, value }) => [key, value && [...value]])).toEqual([
      ['h', [0]],
      ['n', null],
    ]);
  });

  test('takes headers as an object or an array, in their order', () => {
    expect(line('{"headers":{"b":"1","a":"2","__proto__":"3"}}').headers).toEqual([
      ['b', '1'],
      ['a', '2'],
      ['__proto__', '3'],
    ]);
    expect(line('{"headers":[{"key":"a","value":"1"},{"key":"a","value":null}]}').headers).toEqual([
      ['a', '1'],
      ['a', null],
    ]);
  });

  test.each([
    ['{"key":"a","key":"b"}', 'key'],
    ['{"headers":{"a":"1","a":"2"}}', 'headers.a'],
    ['{"headers":[{"key":"a","key":"b"}]}', 'headers[0].key'],
    ['{"value":"a","value_base64":"AA=="}', 'value_base64'],
    ['{"value":null,"value_base64":"AA=="}', 'value_base64'],
    ['{"value_base64":"A-_="}', 'value_base64'],
    ['{"value_base64":"AAA"}', 'value_base64'],
    ['{"value_base64":"A A="}', 'value_base64'],
    ['{"value_base64":"=AAA"}', 'value_base64'],
    ['{"value_base64":"===="}', 'value_base64'],
    ['{"value_base64":5}', 'value_base64'],
    ['{"value":"\\ud800"}', 'value'],
    ['{"headers":{"h":"\\udfff"}}', 'headers.h'],
    ['{"headers":"x"}', 'headers'],
    ['{"headers":[1]}', 'headers[0]'],
    ['{"headers":{"h":1}}', 'headers.h'],
    ['{"headers":[{"value":"x"}]}', 'headers[0].key'],
    ['{"headers":[{"key":"x","vlue":"y"}]}', 'headers[0].vlue'],
    ['{"partition":-1}', 'partition'],
    ['{"partition":1.5}', 'partition'],
    ['{"partition":"1"}', 'partition'],
    ['{"partition":null}', 'partition'],
    ['{"timestamp":9007199254740992}', 'timestamp'],
    ['{"valeu":1}', 'valeu'],
    ['{"__proto__":1}', '__proto__'],
    ['{"constructor":1}', 'constructor'],
    ['[]', undefined],
    [`{"headers":{${Array.from({ length: 101 }, (_, i) => `"h${i}":""`).join(',')}}}`, 'headers'],
  ])('refuses %s, naming the field', (json, field) => {
    const refusal = fault(() => parseRecordLine(bytes(json)));
    expect([refusal.code, refusal.facts.field]).toEqual(['INVALID_REQUEST', field]);
  });

  test('refuses bytes that are not UTF-8', () => {
    const broken = Buffer.concat([Buffer.from('{"value":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    expect(fault(() => parseRecordLine(broken)).message).toContain('not valid UTF-8');
  });
});

describe('a produce request', () => {
  test('has records, acks and expected_offset', () => {
    expect(parseProduceRequest(bytes('{"acks":1,"records":[{},{}],"expected_offset":-0}'))).toMatchObject({
      acks: 'leader',
      expectedOffset: 0,
      records: [{ key: null }, { key: null }],
    });
  });

  test.each([
    ['{}', 'records'],
    ['{"records":[]}', 'records'],
    ['{"records":{}}', 'records'],
    ['{"records":[{}],"records":[{}]}', 'records'],
    ['{"records":[{}],"acks":"1"}', 'acks'],
    ['{"records":[{}],"acks":2}', 'acks'],
    ['{"records":[{}],"acks":null}', 'acks'],
    ['{"records":[{}],"expected_offset":1.5}', 'expected_offset'],
    ['{"records":[{}],"topic":"t"}', 'topic'],
    ['{"records":[{},{"value_base64":"*"}]}', 'records[1].value_base64'],
    ['null', undefined],
  ])('refuses %s, naming the field', (json, field) => {
    const refusal = fault(() => parseProduceRequest(bytes(json)));
    expect([refusal.code, refusal.facts.field]).toEqual(['INVALID_REQUEST', field]);
  });

  test('takes at most 10,000 records', () => {
    const request = (count: number) => bytes(`{"records":[${Array.from({ length: count }, () => '{}').join(',')}]}`);
    expect(parseProduceRequest(request(10_000)).records).toHaveLength(10_000);
    expect(fault(() => parseProduceRequest(request(10_001))).facts.field).toBe('records');
  });
});

/** The fields that the schema finds fault with. */
function schemaFaults(schema: z.ZodType, value: unknown): string[] {
  const { error } = schema.safeParse(value);
  if (error === undefined) return [];
  return issuesOf(error).flatMap((issue) => {
    const path = issue.path.reduce<string>((parent, key) => fieldPath(parent, key as string | number), '');
    return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => fieldPath(path, key)) : [path];
  });
}

/** Fields of the right kind mostly, of a wrong one sometimes. */
const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom('AA==', 'AAA=', 'AAAA', 'A', '=', -1, 0, 1, 1.5, 2 ** 53, null, {}, [], 'all', 'none'),
);
const mostly = <T>(good: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: anything });
const seldom = fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: anything });
const whole = fc.maxSafeNat();
/** zod passes over a `__proto__` of JSON text; the parser takes it as the header it is. */
const headerKey = fc.string().filter((key) => key !== '__proto__');
const header = fc.record({
  key: mostly(fc.string()),
  value: mostly(fc.option(fc.string(), { nil: undefined })),
  value_base64: seldom,
  x: seldom,
});
const record = fc.record(
  {
    key: anything,
    key_base64: seldom,
    value: anything,
    value_base64: seldom,
    headers: mostly(fc.oneof(fc.array(header, { maxLength: 2 }), fc.dictionary(headerKey, mostly(fc.string())))),
    partition: mostly(whole),
    timestamp: mostly(whole),
    other: seldom,
  },
  { requiredKeys: [] },
);

describe('parser and schema', () => {
  test.each([
    ['record', produceRecordSchema, parseRecordLine, fc.oneof({ weight: 9, arbitrary: record }, anything)],
    [
      'request',
      produceRequestSchema,
      parseProduceRequest,
      fc.record(
        {
          records: mostly(fc.array(record, { minLength: 1, maxLength: 3 })),
          acks: mostly(fc.constantFrom('all', 'leader', 'none', -1, 1, 0)),
          expected_offset: mostly(whole),
          more: seldom,
        },
        { requiredKeys: [] },
      ),
    ],
  ] as const)('accept and refuse the same %ss and name the same fields', (_, schema, parse, input) => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(input, (value) => {
        const json = JSON.stringify(value);
        const faults = schemaFaults(schema, JSON.parse(json));
        const refusal = refusalOf(() => parse(bytes(json)));
        // The whole body has no name.
        const named = refusal === undefined ? undefined : (refusal.facts.field ?? '');
        expect(faults.length === 0 ? [undefined] : faults).toContain(named);
        if (refusal === undefined) accepted++;
        else refused++;
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(50);
  });
});
