/** PLAIN (RFC 4616): the id of a key, and its secret. */
import type { KeyAuthenticator } from '../../broker/keys/authenticate.ts';
import { utf8Text } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { SaslExchange, SaslStep } from './mechanism.ts';

const REFUSED: SaslStep = { outcome: 'refused' };

export function plainExchange(authenticator: KeyAuthenticator): SaslExchange {
  return { step: (message) => step(authenticator, message) };
}

/** `[authorization id] NUL id NUL secret` */
async function step(authenticator: KeyAuthenticator, message: Uint8Array): Promise<SaslStep> {
  const parts = utf8Text(message)?.split('\0');
  if (parts?.length !== 3) return { outcome: 'refused', message: 'PLAIN takes three texts with NUL between them.' };
  const [actsAs, id, secret] = parts as [string, string, string];
  if (id === '' || secret === '') return REFUSED;
  if (actsAs !== '' && actsAs !== id) return REFUSED;
  try {
    const principal = await authenticator.authenticate({ id, secret });
    const identity = { principal, now: () => authenticator.principalOf(principal.id) };
    return { outcome: 'proved', bytes: new Uint8Array(), identity };
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNAUTHENTICATED') return REFUSED;
    throw error;
  }
}
