import { expect, it } from 'vitest';
import { grantsOfScopes } from '../../../lib/coordination/tenants/scopes-of-token.ts';
import { keyLimits } from '../../../lib/kernel/limits/keys.ts';

it('takes the scopes of Millrace, with their prefixes of topics, and lets others be', () => {
  expect(grantsOfScopes(['openid', 'produce', 'consume:orders.', 'admins', 'read:produce'], '')).toEqual([
    { scope: 'produce' },
    { scope: 'consume', topicPrefix: 'orders.' },
  ]);
});

it('takes those behind the prefix of an issuer only', () => {
  expect(grantsOfScopes(['millrace/admin:a.', 'produce'], 'millrace/')).toEqual([
    { scope: 'admin', topicPrefix: 'a.' },
  ]);
});

it('makes no grant for all topics of an empty prefix, nor of one that no topic has', () => {
  for (const scope of ['admin:', 'admin:a/b', 'admin: ']) {
    expect(() => grantsOfScopes([scope], '')).toThrow('topic prefix');
  }
});

it('takes as many as a key can have', () => {
  const scopes = Array.from({ length: keyLimits.grantsPerPrincipalMax + 1 }, (_, at) => `produce:t${at}.`);
  expect(grantsOfScopes(scopes, '')).toHaveLength(keyLimits.grantsPerPrincipalMax);
});
