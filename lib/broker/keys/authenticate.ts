/**
 * Who a caller is, by the secret they show.
 *
 * Two kinds of keys: stored ones, made by `createKey`, and declared ones, which an operator gives the process (flags,
 * environment, a deployment's first admin key). A declared key has all scopes, exists without storage, and ends with
 * the process's configuration. Its secret is kept as a hash under a salt of the process's own, for comparison in
 * constant time; a short one is as safe as the network's throttling makes it, so operators should declare long ones.
 *
 * A stored key is read once and then taken from memory for `keyLimits.principalCacheMs`.
 */
import type { Principal } from '../../coordination/tenants/principal.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import type { Broker } from '../broker.ts';
import { type ScramCredential, ScramCredentials, type ScramDigest } from './scram-credentials.ts';
import { hashSecret, isKeyId, newSalt, secretKeyId, secretMatches } from './secrets.ts';

export interface Credentials {
  /** The key's id, where the caller gives one beside the secret. */
  id?: string;
  secret: string;
}

/** Several may share an id, such as an old and a new secret of one principal. */
export interface DeclaredKey {
  id: string;
  secret: string;
}

/** The principal of a stored key; `undefined` where the secret is of none. */
export async function authenticate(broker: Broker, credentials: Credentials): Promise<Principal | undefined> {
  const id = secretKeyId(credentials.secret);
  if (id === undefined || (credentials.id !== undefined && credentials.id !== id)) return undefined;
  const record = await broker.principals.get(id);
  if (record === undefined || !secretMatches(record.salt, record.hash, credentials.secret)) return undefined;
  return { id, grants: record.grants };
}

export interface Authenticator {
  /** Throws `UNAUTHENTICATED`, without saying what was wrong. */
  authenticate(credentials: Credentials): Promise<Principal>;
}

/** For doors that do not see the secret: SASL's SCRAM, certificates of clients, connections that last. */
export interface KeyAuthenticator extends Authenticator {
  /**
   * What verifies that somebody has a secret of the key. Of an id that no key has, something nobody can tell from it.
   */
  scramCredential(digest: ScramDigest, id: string): Promise<ScramCredential>;
  /** Whose key it is, as of a moment ago; `undefined` where there is none. For who has proved to have it. */
  principalOf(id: string): Promise<Principal | undefined>;
}

export interface AuthenticatorOptions {
  broker: Broker;
  /** Declared keys. */
  staticKeys?: readonly DeclaredKey[];
}

export function createAuthenticator({ broker, staticKeys = [] }: AuthenticatorOptions): KeyAuthenticator {
  const declared = staticKeys.map((key) => hashedKey(broker.random, key));
  const scram = new ScramCredentials(broker, staticKeys);
  return {
    authenticate: async (credentials) => {
      const principal = authenticateDeclared(declared, credentials) ?? (await authenticate(broker, credentials));
      if (principal === undefined) throw new MillraceError('UNAUTHENTICATED', 'The API key is not valid.');
      return principal;
    },
    scramCredential: (digest, id) => scram.of(digest, id),
    principalOf: async (id) => {
      const known = declared.find(({ principal }) => principal.id === id);
      if (known !== undefined) return known.principal;
      const stored = isKeyId(id) ? await broker.principals.get(id) : undefined;
      return stored && { id, grants: stored.grants };
    },
  };
}

interface HashedKey {
  principal: Principal;
  salt: Uint8Array;
  hash: Uint8Array;
}

function hashedKey(random: Random, { id, secret }: DeclaredKey): HashedKey {
  const salt = newSalt(random);
  return { principal: { id, grants: [{ scope: 'admin' }] }, salt, hash: hashSecret(salt, secret) };
}

/** Compares with every key, so that the time tells nothing of which one was near. */
function authenticateDeclared(declared: readonly HashedKey[], { id, secret }: Credentials): Principal | undefined {
  const matching = declared.filter((key) => secretMatches(key.salt, key.hash, secret));
  return matching.find(({ principal }) => id === undefined || id === principal.id)?.principal;
}
