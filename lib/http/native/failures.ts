/** Requests whose parts have outcomes of their own. */
import { type MillraceError, withEffect } from '../../kernel/errors.ts';

/**
 * Whether some of so many parts failed, with these errors; the answer has status 207 then. Throws where all failed for
 * one reason: that is the answer then.
 */
export function someFailed(errors: readonly MillraceError[], parts: number): boolean {
  const [first] = errors;
  if (first === undefined) return false;
  if (errors.length < parts || errors.some(({ code }) => code !== first.code)) return true;
  throw errors.some(({ effect }) => effect === 'unknown') ? withEffect(first, 'unknown') : first;
}
