/**
 * What a bearer of a token may do, by the scopes that are in it: `produce`, `consume`, `admin`, each for all topics, or
 * for those whose names begin so in `produce:orders.`. Issuers that want a prefix before their scopes
 * (`millrace/produce`) have it cut off; scopes that are not Millrace's are let be.
 */
import { keyLimits } from '../../kernel/limits/keys.ts';
import { checkGrants, type Grant, SCOPES } from './principal.ts';

/** Throws `INVALID_REQUEST` for a prefix that no topic can have. */
export function grantsOfScopes(scopes: readonly string[], prefix: string): Grant[] {
  const own = scopes.filter((scope) => scope.startsWith(prefix)).map((scope) => scope.slice(prefix.length));
  const grants = own.map(grantOf).filter((grant) => grant !== undefined);
  const taken = grants.slice(0, keyLimits.grantsPerPrincipalMax);
  if (taken.length > 0) checkGrants(taken);
  return taken;
}

function grantOf(text: string): Grant | undefined {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  const scope = SCOPES.find((known) => known === name);
  if (scope === undefined) return undefined;
  return colon < 0 ? { scope } : { scope, topicPrefix: text.slice(colon + 1) };
}
