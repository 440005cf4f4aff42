/** Keys as an operator writes them: `[id:]secret`. */
import type { DeclaredKey } from '../broker/keys/authenticate.ts';

/** The id of a key that is declared without one. */
export const DECLARED_KEY_ID = 'admin';

/** Shorter secrets can be guessed; the server says so when it starts. */
export const DECLARED_SECRET_LENGTH_ADVISED = 24;

/** What stands before the first colon is the id, so that a secret with a colon needs one. */
export function parseDeclaredKey(text: string): DeclaredKey | undefined {
  const colon = text.indexOf(':');
  const id = colon < 0 ? DECLARED_KEY_ID : text.slice(0, colon);
  const secret = text.slice(colon + 1);
  return /^[A-Za-z0-9._-]{1,128}$/.test(id) && secret !== '' ? { id, secret } : undefined;
}
