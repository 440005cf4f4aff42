/**
 * A tenant's name is in its stack's name, its web function's name and its tags, so it keeps to what all of them allow.
 */
import { OptionError } from './option-error.ts';

/** A web function's name has at most 64 characters: `millrace-`, the tenant, `-` and the longest region's name fit. */
const TENANT_NAME_LENGTH_MAX = 32;

const TENANT_NAME = /^[a-z](?:-?[a-z0-9])*$/;

/** Throws a sentence that names the rule, unless `name` may name a tenant. */
export function checkTenantName(name: unknown): asserts name is string {
  if (typeof name === 'string' && name.length <= TENANT_NAME_LENGTH_MAX && TENANT_NAME.test(name)) return;
  throw new OptionError(
    `${JSON.stringify(name)} cannot name a tenant: a name has 1 to ${TENANT_NAME_LENGTH_MAX} lower-case letters, digits ` +
      'and single hyphens, starts with a letter and ends with a letter or digit.',
  );
}

/** The stack of a tenant: `Millrace-acme`. */
export function stackName(tenant: string): string {
  return `Millrace-${tenant}`;
}
