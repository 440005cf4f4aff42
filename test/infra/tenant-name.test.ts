import { describe, expect, test } from 'vitest';
import { checkTenantName } from '../../lib/infra/tenant-name.ts';

describe('a tenant’s name', () => {
  test.each(['a', 'acme', 'a-1', 'a1-b2-c3', 'a'.repeat(32)])('may be %j', (name) => {
    expect(() => checkTenantName(name)).not.toThrow();
  });

  test.each(['', 'Acme', '9lives', 'a_b', 'a.b', 'a--b', 'a-', '-a', 'a b', 'ä', 'a'.repeat(33), 7, undefined, {}])(
    'may not be %j, and the rule is said',
    (name) => {
      expect(() => checkTenantName(name)).toThrow(
        /cannot name a tenant: a name has 1 to 32 lower-case letters, digits and single hyphens/,
      );
    },
  );
});
