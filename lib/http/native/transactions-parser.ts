/**
 * Reads the bodies of transactions: their records straight from the bytes, as produce does, and all else by the schemas
 * of transactions-routes.ts.
 */
import type { z } from '@hono/zod-openapi';
import type { TransactionRecord } from '../../broker/transactions/prepare.ts';
import { fieldPath, type JsonValue, readValue, scanJson } from '../json/parse.ts';
import { malformedField } from '../problems.ts';
import { validate } from '../validate.ts';
import { transactionRecords } from './record-parser.ts';

/** What a body says, with the records apart. */
export interface Parsed<Schema extends z.ZodType> {
  rest: z.output<Schema>;
  records: TransactionRecord[];
}

/** Throws INVALID_REQUEST, naming the field. */
export function parseTransaction<Schema extends z.ZodType>(body: Uint8Array, schema: Schema): Parsed<Schema> {
  let records: TransactionRecord[] | undefined;
  const rest = scanJson(body, (scanner) => {
    if (scanner.kind() !== 'object') throw malformedField('', 'must be an object');
    const fields: Record<string, JsonValue> = {};
    for (let name = scanner.firstKey(); name !== undefined; name = scanner.nextKey()) {
      const field = fieldPath('', name);
      if (name === '__proto__') throw malformedField(field, 'is not a field');
      if (Object.hasOwn(fields, name)) throw malformedField(field, 'is there twice');
      if (name === 'records') records = transactionRecords(scanner);
      fields[name] = name === 'records' ? [] : readValue(scanner, field);
    }
    return fields;
  });
  return { rest: validate(schema, rest), records: records ?? [] };
}
