/** What the group says to whoever is a member no longer. */
import { MillraceClientError } from '../errors.ts';

const FENCED: ReadonlySet<string> = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH', 'ILLEGAL_GENERATION']);

/** The member is not in the group any more, or not in this epoch. */
export function isFenced(error: unknown): error is MillraceClientError {
  return error instanceof MillraceClientError && FENCED.has(error.code);
}
