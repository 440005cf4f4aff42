import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTransaction } from '../../../lib/http/native/transactions-parser.ts';
import { partSchema, transactSchema } from '../../../lib/http/native/transactions-routes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const parse = (body: unknown) => parseTransaction(bytes(JSON.stringify(body)), transactSchema);

function fieldOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof MillraceError) return error.facts.field ?? error.message;
    throw error;
  }
}

describe('the body of a transaction', () => {
  test('keeps its records as bytes, and everything else as its schema says', () => {
    const { records, rest } = parseTransaction(
      bytes(
        '{"part":3,"records":[{"topic":"t","value":{ "a" : 1.50 },"key":null,"partition":2}],"offsets":{"group":"g","offsets":[]}}',
      ),
      partSchema,
    );
    expect(records).toMatchObject([{ topic: 't', partition: 2, key: null, headers: [] }]);
    expect(Buffer.from(records[0]?.value ?? []).toString()).toBe('{"a":1.50}');
    expect(rest).toMatchObject({ part: 3, offsets: { group: 'g', offsets: [] } });
    expect(parse({}).records).toEqual([]);
  });

  test.each([
    ['{"records":[{"value":1}]}', 'records[0].topic'],
    ['{"records":[{"topic":1}]}', 'records[0].topic'],
    ['{"records":[{"topic":"a","topic":"a"}]}', 'records[0].topic'],
    ['{"records":[{"topic":"a"},{"topic":"b","other":1}]}', 'records[1].other'],
    ['{"records":[{"topic":"a"}],"records":[]}', 'records'],
    ['{"records":[],"transactional_id":"a","transactional_id":"b"}', 'transactional_id'],
    ['{"records":null}', 'records'],
    ['{"offsets":{"group":"g","offsets":[{"topic":"t","partition":0}]}}', 'offsets.offsets[0].offset'],
    ['{"offsets":{"group":"g","offsets":[],"member":null}}', 'offsets.member'],
    ['{"offsets":{"group":"g","offsets":[],"generation":-1}}', 'offsets.generation'],
    ['{"acks":"all"}', 'acks'],
    ['{"__proto__":1}', '__proto__'],
    ['{"part":0}', 'part'],
  ])('%s is refused for the field %s', (body, field) => {
    expect(fieldOf(() => parseTransaction(bytes(body), transactSchema))).toBe(field);
  });

  test('is refused with more records than a request may have', () => {
    const body = { records: Array.from({ length: 10_001 }, () => ({ topic: 't' })) };
    expect(fieldOf(() => parse(body))).toBe('records');
  });

  /** A value that is mostly right: what must be refused is refused by parser and schema for the same reasons. */
  const mostly = (right: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue() });
  const record = fc.record(
    {
      topic: mostly(fc.string()),
      value: fc.jsonValue(),
      key: mostly(fc.string()),
      partition: mostly(fc.nat()),
      timestamp: mostly(fc.nat()),
      headers: mostly(fc.dictionary(fc.stringMatching(/^[a-z]$/), fc.string(), { noNullPrototype: true })),
    },
    { requiredKeys: ['topic'] },
  );
  const offset = fc.record(
    {
      topic: mostly(fc.string()),
      partition: mostly(fc.nat()),
      offset: mostly(fc.nat()),
      metadata: mostly(fc.string()),
    },
    { requiredKeys: ['topic', 'partition', 'offset'] },
  );
  const body = fc.record(
    {
      records: mostly(fc.array(mostly(record), { maxLength: 3 })),
      transactional_id: mostly(fc.string()),
      offsets: mostly(fc.record({ group: mostly(fc.string()), offsets: fc.array(offset, { maxLength: 2 }) })),
      unknown: fc.constant(1),
    },
    { requiredKeys: ['records'] },
  );

  test('is taken or refused as its schema takes or refuses it', () => {
    fc.assert(
      fc.property(body, (given) => {
        const json = JSON.parse(JSON.stringify(given)) as unknown;
        expect(fieldOf(() => parse(json)) === undefined).toBe(transactSchema.safeParse(json).success);
      }),
      { numRuns: 500 },
    );
  });
});
