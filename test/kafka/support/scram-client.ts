/** The client's side of SCRAM, so that tests need no other. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

export interface ScramClientOptions {
  digest: 'sha256' | 'sha512';
  id: string;
  secret: string;
  nonce?: string;
}

export class ScramClient {
  readonly #options: Required<ScramClientOptions>;
  #exchanged = '';
  #serverKey = Buffer.alloc(0);

  constructor(options: ScramClientOptions) {
    this.#options = { nonce: 'fyko+d2lbbFgONRv9qkxdawL', ...options };
  }

  get bare(): string {
    return `n=${this.#options.id},r=${this.#options.nonce}`;
  }

  first(header = 'n,,'): Buffer {
    return Buffer.from(header + this.bare);
  }

  /** The last message, for what the server has answered. */
  final(serverFirst: Uint8Array, changed: { binding?: string; nonce?: string } = {}): Buffer {
    const text = Buffer.from(serverFirst).toString();
    const [, nonce = '', salt = '', iterations = ''] = /^r=(.*),s=(.*),i=(\d+)$/.exec(text) ?? [];
    const { digest, secret } = this.#options;
    const length = { sha256: 32, sha512: 64 }[digest];
    const salted = pbkdf2Sync(secret, Buffer.from(salt, 'base64'), Number(iterations), length, digest);
    const clientKey = createHmac(digest, salted).update('Client Key').digest();
    const storedKey = createHash(digest).update(clientKey).digest();
    this.#serverKey = createHmac(digest, salted).update('Server Key').digest();
    const withoutProof = `c=${changed.binding ?? 'biws'},r=${changed.nonce ?? nonce}`;
    this.#exchanged = `${this.bare},${text},${withoutProof}`;
    const signature = createHmac(digest, storedKey).update(this.#exchanged).digest();
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] as number)));
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** Whether the server has the key as well. */
  trusts(serverFinal: Uint8Array): boolean {
    const signature = createHmac(this.#options.digest, this.#serverKey).update(this.#exchanged).digest('base64');
    return Buffer.from(serverFinal).toString() === `v=${signature}`;
  }
}
