import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SCOPES } from '../../../lib/coordination/tenants/principal.ts';
import {
  decodePrincipal,
  decodePrincipalEntry,
  encodePrincipal,
  encodePrincipalEntry,
  principalEntryKey,
  principalKey,
} from '../../../lib/coordination/tenants/principal-item.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const verifier = (length: number) =>
  fc.record({
    salt: bytes(16),
    iterations: fc.integer({ min: 4096, max: 16_384 }),
    storedKey: bytes(length),
    serverKey: bytes(length),
  });
const grants = fc.array(
  fc.record(
    { scope: fc.constantFrom(...SCOPES), topicPrefix: fc.stringMatching(/^[a-z.]{1,20}$/) },
    { requiredKeys: ['scope'] },
  ),
  { minLength: 1, maxLength: 5 },
);
const records = fc.record({
  id: fc.stringMatching(/^[0-9a-f]{16}$/),
  salt: bytes(16),
  hash: bytes(32),
  scram256: verifier(32),
  scram512: verifier(64),
  grants,
  createdMs: fc.nat(),
});

describe('the items of an API key', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(decodePrincipal(record.id, encodePrincipal(record))).toEqual(record);
        const { id, grants, createdMs } = record;
        expect(decodePrincipalEntry(id, encodePrincipalEntry(record))).toEqual({ id, grants, createdMs });
      }),
    );
  });

  it('have the keys of the protocol', () => {
    expect(principalKey('0123')).toEqual({ pk: 'principal#0123', sk: 'credentials' });
    expect(principalEntryKey('0123')).toEqual({ pk: 'principals', sk: '0123' });
  });

  it.each(['salt', 'hash', 'scram256', 'scram512', 'grants', 'createdMs'])(
    'are refused as corrupt without %s',
    (name) => {
      fc.assert(
        fc.property(records, (record) => {
          const attributes = encodePrincipal(record);
          delete attributes[name];
          expect(() => decodePrincipal(record.id, attributes)).toThrow(record.id);
        }),
        { numRuns: 5 },
      );
    },
  );
});
