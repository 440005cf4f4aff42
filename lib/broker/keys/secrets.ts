/**
 * The secrets of API keys: their form, how they are stored and how they are compared.
 *
 * A generated secret is `mr_<id>_<random>`: 16 hex digits that name its key, so that a bearer token alone finds the
 * item to compare with, and 256 random bits as base64url. Only generated secrets are ever stored, so one round of
 * SHA-256 suffices and a request costs microseconds; a slow hash would protect secrets that can be guessed, and there
 * are none. A secret that an operator declares (flags, environment) may be weak, but it is never stored: see
 * authenticate.ts.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { ScramVerifier } from '../../coordination/tenants/principal-item.ts';
import { toBase64Url, toHex, utf8 } from '../../kernel/bytes.ts';
import { keyLimits } from '../../kernel/limits/keys.ts';
import type { Random } from '../../kernel/random.ts';

const ID_BYTES = 8;
const RANDOM_BYTES = 32;
export const SALT_BYTES = 16;

export interface GeneratedSecret {
  id: string;
  secret: string;
}

export function generateSecret(random: Random): GeneratedSecret {
  const id = toHex(random.bytes(ID_BYTES));
  return { id, secret: `mr_${id}_${toBase64Url(random.bytes(RANDOM_BYTES))}` };
}

/** The id inside a generated secret; `undefined` for text that cannot be one. */
export function secretKeyId(secret: string): string | undefined {
  return /^mr_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/.exec(secret)?.[1];
}

export function isKeyId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

export function newSalt(random: Random): Uint8Array {
  return random.bytes(SALT_BYTES);
}

export function hashSecret(salt: Uint8Array, secret: string): Uint8Array {
  return createHash('sha256').update(salt).update(secret, 'utf8').digest();
}

/** Takes the same time wherever the two differ. */
export function secretMatches(salt: Uint8Array, hash: Uint8Array, secret: string): boolean {
  return timingSafeEqual(hash, hashSecret(salt, secret));
}

const derive = promisify(pbkdf2);

/**
 * What a server stores to verify SCRAM (RFC 5802, section 3; RFC 7677 for SHA-256). Generated secrets are ASCII, so
 * they are their own SASLprep form.
 */
export async function scramVerifier(
  digest: 'sha256' | 'sha512',
  salt: Uint8Array,
  secret: string,
  iterations: number = keyLimits.scramIterations,
): Promise<ScramVerifier> {
  const length = { sha256: 32, sha512: 64 }[digest];
  const salted = await derive(utf8(secret), salt, iterations, length, digest);
  const clientKey = createHmac(digest, salted).update('Client Key').digest();
  return {
    salt,
    iterations,
    storedKey: createHash(digest).update(clientKey).digest(),
    serverKey: createHmac(digest, salted).update('Server Key').digest(),
  };
}
