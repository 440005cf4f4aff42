import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGrants, type Grant, mayDo, SCOPES } from '../../../lib/coordination/tenants/principal.ts';

const principal = (...grants: Grant[]) => ({ id: 'p', grants });

describe('what a principal may do', () => {
  it.each([
    ['admin', undefined, 'admin', undefined, true],
    ['admin', undefined, 'admin', 'orders', true],
    ['admin', undefined, 'produce', 'orders', true],
    ['admin', undefined, 'consume', 'orders', true],
    ['admin', 'eu.', 'admin', 'eu.orders', true],
    ['admin', 'eu.', 'produce', 'eu.orders', true],
    ['admin', 'eu.', 'admin', 'us.orders', false],
    ['admin', 'eu.', 'admin', undefined, false],
    ['produce', undefined, 'produce', 'orders', true],
    ['produce', undefined, 'consume', 'orders', false],
    ['produce', undefined, 'admin', 'orders', false],
    ['produce', 'eu.', 'produce', 'eu.orders', true],
    ['produce', 'eu.', 'produce', 'eu.', true],
    ['produce', 'eu.', 'produce', 'eu', false],
    ['produce', 'eu.', 'produce', 'orders.eu.', false],
    ['consume', undefined, 'consume', undefined, true],
    ['consume', 'eu.', 'consume', undefined, false],
  ] as const)('with %s on %s: %s on %s is %s', (scope, topicPrefix, wanted, topic, may) => {
    expect(mayDo(principal({ scope, topicPrefix }), wanted, topic)).toBe(may);
  });

  it('is the union of its grants, and nothing without one', () => {
    const both = principal({ scope: 'consume', topicPrefix: 'in.' }, { scope: 'produce', topicPrefix: 'out.' });
    expect(mayDo(both, 'consume', 'in.a')).toBe(true);
    expect(mayDo(both, 'produce', 'out.a')).toBe(true);
    expect(mayDo(both, 'produce', 'in.a')).toBe(false);
    const anything = fc.tuple(fc.constantFrom(...SCOPES), fc.option(fc.string(), { nil: undefined }));
    fc.assert(
      fc.property(anything, ([scope, topic]) => {
        expect(mayDo(principal(), scope, topic)).toBe(false);
      }),
    );
  });
});

describe('grants', () => {
  it.each([
    [[]],
    [Array.from({ length: 101 }, () => ({ scope: 'produce' as const }))],
    [[{ scope: 'root' as 'admin' }]],
    [[{ scope: 'produce' as const, topicPrefix: '' }]],
    [[{ scope: 'produce' as const, topicPrefix: 'a b' }]],
    [[{ scope: 'produce' as const, topicPrefix: 'a\n' }]],
    [[{ scope: 'produce' as const, topicPrefix: 'a'.repeat(250) }]],
  ])('%j are refused', (grants) => {
    expect(() => checkGrants(grants)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });

  it('with a scope and a prefix are taken', () => {
    expect(() => checkGrants([{ scope: 'admin' }, { scope: 'produce', topicPrefix: 'eu.' }])).not.toThrow();
  });
});
