/** What a group refuses, as the error that the caller gets. */
import type { Refused } from '../../coordination/groups/refusal.ts';
import { MillraceError } from '../../kernel/errors.ts';

export function refusal({ code, detail }: Refused): MillraceError {
  return new MillraceError(code, detail.charAt(0).toUpperCase() + detail.slice(1));
}

/** The value, unless it is a refusal, which is thrown. */
export function orThrow<T extends { outcome: string }>(decision: T | Refused): Exclude<T, Refused> {
  if (decision.outcome === 'refused') throw refusal(decision as Refused);
  return decision as Exclude<T, Refused>;
}
