/**
 * What SCRAM (RFC 5802) verifies a caller with, by the id of a key: of stored keys what was stored with them, of
 * declared ones what is derived from their secrets once, and of ids that no key has something of the same look that
 * nothing matches.
 *
 * Several declared secrets may share an id. The server's first message, which shows the salt, comes before the proof,
 * so they share a salt as well, and the proof is compared with each.
 */
import { createHmac } from 'node:crypto';
import type { Principal } from '../../coordination/tenants/principal.ts';
import type { ScramVerifier } from '../../coordination/tenants/principal-item.ts';
import { utf8 } from '../../kernel/bytes.ts';
import { keyLimits } from '../../kernel/limits/keys.ts';
import type { Broker } from '../broker.ts';
import type { DeclaredKey } from './authenticate.ts';
import { saltSeed } from './salt-seed.ts';
import { isKeyId, SALT_BYTES, scramVerifier } from './secrets.ts';

export type ScramDigest = 'sha256' | 'sha512';

export interface ScramCredential {
  salt: Uint8Array;
  iterations: number;
  /** Of each secret that the id has; never empty. */
  verifiers: readonly Pick<ScramVerifier, 'storedKey' | 'serverKey'>[];
  /** Who has proved one of them; absent where no key has the id, whatever is proved. */
  principal?: Principal;
}

export class ScramCredentials {
  readonly #broker: Broker;
  readonly #declaredKeys: readonly DeclaredKey[];
  /** Derived at the first question, whichever id it is about: the time that takes says nothing. */
  #prepared: Promise<Prepared> | undefined;

  constructor(broker: Broker, declaredKeys: readonly DeclaredKey[]) {
    this.#broker = broker;
    this.#declaredKeys = declaredKeys;
  }

  async of(digest: ScramDigest, id: string): Promise<ScramCredential> {
    const { seed, declared } = await this.#prepare();
    const known = declared.get(declaredName(digest, id));
    if (known !== undefined) return known;
    const stored = isKeyId(id) ? await this.#broker.principals.get(id) : undefined;
    if (stored === undefined) return nobody(seed, digest, id);
    const { salt, iterations, ...verifier } = digest === 'sha256' ? stored.scram256 : stored.scram512;
    return { salt, iterations, verifiers: [verifier], principal: { id, grants: stored.grants } };
  }

  #prepare(): Promise<Prepared> {
    const preparing = (this.#prepared ??= prepare(this.#broker, this.#declaredKeys));
    // A store that did not answer is asked again by the next.
    preparing.catch(() => {
      if (this.#prepared === preparing) this.#prepared = undefined;
    });
    return preparing;
  }
}

interface Prepared {
  seed: Uint8Array;
  declared: ReadonlyMap<string, ScramCredential>;
}

async function prepare(broker: Broker, keys: readonly DeclaredKey[]): Promise<Prepared> {
  const seed = await saltSeed(broker);
  const declared = new Map<string, ScramCredential>();
  for (const digest of ['sha256', 'sha512'] as const) {
    for (const { id, secret } of keys) {
      const verifier = await scramVerifier(digest, saltOf(seed, digest, id), secret);
      const { salt, iterations } = verifier;
      const before = declared.get(declaredName(digest, id))?.verifiers ?? [];
      const principal: Principal = { id, grants: [{ scope: 'admin' }] };
      declared.set(declaredName(digest, id), { salt, iterations, verifiers: [...before, verifier], principal });
    }
  }
  return { seed, declared };
}

function declaredName(digest: ScramDigest, id: string): string {
  return `${digest} ${id}`;
}

function nobody(seed: Uint8Array, digest: ScramDigest, id: string): ScramCredential {
  const verifier = { storedKey: draw(seed, digest, `stored ${id}`), serverKey: draw(seed, digest, `server ${id}`) };
  return { salt: saltOf(seed, digest, id), iterations: keyLimits.scramIterations, verifiers: [verifier] };
}

function saltOf(seed: Uint8Array, digest: ScramDigest, id: string): Uint8Array {
  return draw(seed, digest, `salt ${id}`).subarray(0, SALT_BYTES);
}

/** As long as the digest's outcomes. */
function draw(seed: Uint8Array, digest: ScramDigest, what: string): Uint8Array {
  return new Uint8Array(createHmac(digest, seed).update(utf8(what)).digest());
}
