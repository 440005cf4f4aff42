/**
 * Who calls, and what they may do. A principal has grants; each is a scope, for all topics or for those whose names
 * begin with a prefix.
 *
 * - `produce` and `consume` allow just that.
 * - `admin` allows everything, and with a prefix everything about those topics; what is about no topic (keys) or about
 *   a name yet to be taken needs `admin` without one.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { keyLimits } from '../../kernel/limits/keys.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';

export const SCOPES = ['admin', 'produce', 'consume'] as const;

export type Scope = (typeof SCOPES)[number];

export interface Grant {
  scope: Scope;
  /** All topics where absent. */
  topicPrefix?: string;
}

export interface Principal {
  id: string;
  grants: readonly Grant[];
}

/** Whether the principal may do what needs `scope`: on the topic, or on the tenant as a whole where none is given. */
export function mayDo(principal: Principal, scope: Scope, topic?: string): boolean {
  return principal.grants.some(
    (grant) => (grant.scope === scope || grant.scope === 'admin') && covers(grant.topicPrefix, topic),
  );
}

function covers(prefix: string | undefined, topic: string | undefined): boolean {
  return prefix === undefined || topic?.startsWith(prefix) === true;
}

/** Throws `INVALID_REQUEST` for grants that nobody can have. */
export function checkGrants(grants: readonly Grant[]): void {
  if (grants.length === 0) throw new MillraceError('INVALID_REQUEST', 'A key needs at least one scope.');
  if (grants.length > keyLimits.grantsPerPrincipalMax) {
    throw new MillraceError('INVALID_REQUEST', `A key has at most ${keyLimits.grantsPerPrincipalMax} scopes.`);
  }
  for (const { scope, topicPrefix } of grants) {
    if (!SCOPES.includes(scope)) {
      throw new MillraceError('INVALID_REQUEST', `A scope is one of ${SCOPES.join(', ')}.`);
    }
    if (topicPrefix !== undefined && !isTopicPrefix(topicPrefix)) {
      throw new MillraceError(
        'INVALID_REQUEST',
        `A topic prefix is 1 to ${topicLimits.topicNameLengthMax} ASCII letters, digits, ".", "_" and "-".`,
      );
    }
  }
}

function isTopicPrefix(text: string): boolean {
  return text.length <= topicLimits.topicNameLengthMax && /^[a-zA-Z0-9._-]+$/.test(text);
}
