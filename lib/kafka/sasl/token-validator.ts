/**
 * Tokens of an OAuth 2 issuer (JWT, RFC 9068 in spirit): signed by one of the issuer's keys, from that issuer, for this
 * audience, not expired, with a principal and scopes. What is not configured is not guessed: issuer and audience are
 * always compared.
 */
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Grant, Principal } from '../../coordination/tenants/principal.ts';
import { grantsOfScopes } from '../../coordination/tenants/scopes-of-token.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { tokenLimits } from '../../kernel/limits/tokens.ts';
import { asDate } from './as-date.ts';

export interface TokenOptions {
  /** The issuer's keys (JWKS): where they are fetched, or what reads them. */
  keys: { url: string } | { read: () => Promise<string> };
  issuer: string;
  audience: string;
  /** Claims; `sub` and `scope` for most issuers. */
  principalClaim: string;
  scopeClaim: string;
  /** What stands before Millrace's scopes. */
  scopePrefix: string;
}

export type Validation =
  | { outcome: 'valid'; principal: Principal; expiresAtMs: number }
  /** In RFC 6750's words, for the client; the reason is for the log. */
  | { outcome: 'invalid'; status: 'invalid_token' | 'insufficient_scope'; reason: string };

export interface TokenValidator {
  /** Throws `MillraceError` where the issuer's keys cannot be got. */
  validate(token: string): Promise<Validation>;
}

/** Signatures that only the issuer can make: none that need a shared secret. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

export function tokenValidator(options: TokenOptions, clock: Clock): TokenValidator {
  const keys = orUnavailable('url' in options.keys ? remoteKeys(options.keys.url) : readKeys(options.keys.read, clock));
  const { issuer, audience, principalClaim } = options;
  const expected = {
    issuer,
    audience,
    algorithms: ALGORITHMS,
    clockTolerance: tokenLimits.tokenSkewMs / 1_000,
    requiredClaims: ['exp', principalClaim],
  };
  return {
    validate: async (token) => {
      try {
        const { payload } = await jwtVerify(token, keys, { ...expected, currentDate: asDate(clock.now()) });
        return judged(options, payload);
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error;
        return { outcome: 'invalid', status: 'invalid_token', reason: error.message };
      }
    },
  };
}

function judged({ principalClaim, scopeClaim, scopePrefix }: TokenOptions, payload: JWTPayload): Validation {
  const id = payload[principalClaim];
  if (typeof id !== 'string' || id === '' || id.length > tokenLimits.principalLengthMax) {
    return { outcome: 'invalid', status: 'invalid_token', reason: `the claim ${principalClaim} names nobody` };
  }
  const grants = grantsOf(payload[scopeClaim], scopePrefix);
  if (grants.length === 0) {
    return {
      outcome: 'invalid',
      status: 'insufficient_scope',
      reason: `the claim ${scopeClaim} has no scope of Millrace`,
    };
  }
  const expiresAtMs = (payload.exp as number) * 1_000;
  return { outcome: 'valid', principal: { id, grants }, expiresAtMs };
}

/** Words with spaces between them, or a list. */
function grantsOf(claim: unknown, prefix: string): Grant[] {
  const words = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  try {
    return grantsOfScopes(
      words.filter((word) => typeof word === 'string'),
      prefix,
    );
  } catch (error) {
    // A prefix that no topic has is no grant, and no guess is made of what it could mean.
    if (error instanceof MillraceError && error.code === 'INVALID_REQUEST') return [];
    throw error;
  }
}

function remoteKeys(url: string): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: tokenLimits.keysMsMax,
    cooldownDuration: tokenLimits.keysCooldownMs,
    cacheMaxAge: tokenLimits.keysAgeMsMax,
  });
}

/** Read anew every now and then: issuers change their keys. */
function readKeys(read: () => Promise<string>, clock: Clock): JWTVerifyGetKey {
  let known: { keys: Promise<JWTVerifyGetKey>; readMs: number } | undefined;
  return async (header, token) => {
    const nowMs = clock.monotonic();
    if (known === undefined || nowMs - known.readMs >= tokenLimits.keysCooldownMs) {
      known = { keys: read().then((text) => createLocalJWKSet(JSON.parse(text))), readMs: nowMs };
      known.keys.catch(() => (known = undefined));
    }
    const keys = await known.keys;
    return keys(header, token);
  };
}

/** Where the keys are not there to judge by, the token may well be good. */
function orUnavailable(keys: JWTVerifyGetKey): JWTVerifyGetKey {
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      if (error instanceof errors.JOSENotSupported) throw error;
      const reason = error instanceof Error ? error.message : 'no reason is known';
      throw new MillraceError('KAFKA_STORAGE_ERROR', `The keys of the issuer of tokens cannot be got: ${reason}`);
    }
  };
}
