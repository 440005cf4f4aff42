/**
 * What a key may do with names that are not topics: transactional ids and groups. As with Kafka's prefixed ACLs, a key
 * that is bound to a prefix may use the names that begin with it, and no others: it must not fence or overtake someone
 * else's.
 */
import { mayDo, type Principal, type Scope } from '../../coordination/tenants/principal.ts';
import { MillraceError } from '../../kernel/errors.ts';

export type Named = 'topic' | 'group' | 'transactional id';

/** Throws `FORBIDDEN`. There is no principal where nobody is asked for a key. */
export function requireScope(principal: Principal | undefined, scope: Scope, what: Named, name: string): void {
  if (principal === undefined || mayDo(principal, scope, name)) return;
  const detail = `The key "${principal.id}" lacks the scope ${scope} on the ${what} "${name.slice(0, 300)}".`;
  throw new MillraceError('FORBIDDEN', detail);
}
