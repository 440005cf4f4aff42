/** What clients can prove who they are by. */
import type { KeyAuthenticator } from '../../broker/keys/authenticate.ts';
import type { Random } from '../../kernel/random.ts';
import type { Mechanisms, SaslExchange } from './mechanism.ts';
import { oauthBearerExchange } from './oauth-bearer.ts';
import { plainExchange } from './plain.ts';
import { scramExchange } from './scram.ts';
import type { TokenValidator } from './token-validator.ts';

export interface MechanismOptions {
  authenticator: KeyAuthenticator;
  random: Random;
  /** Absent: no tokens are taken. */
  tokens?: TokenValidator;
}

export function offeredMechanisms(options: MechanismOptions): Mechanisms {
  const { authenticator, tokens } = options;
  const mechanisms = new Map<string, () => SaslExchange>([
    ['PLAIN', () => plainExchange(authenticator)],
    ['SCRAM-SHA-256', () => scramExchange({ ...options, digest: 'sha256' })],
    ['SCRAM-SHA-512', () => scramExchange({ ...options, digest: 'sha512' })],
  ]);
  if (tokens !== undefined) mechanisms.set('OAUTHBEARER', () => oauthBearerExchange(tokens));
  return mechanisms;
}
