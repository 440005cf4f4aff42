/**
 * The server's side of SCRAM (RFC 5802, RFC 7677) as Kafka's clients speak it: without channel binding, and without
 * Kafka's extension `tokenauth`, since there are no delegation tokens here.
 *
 * An id that no key has gets as far as one that exists with a wrong secret, and no further.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { KeyAuthenticator } from '../../broker/keys/authenticate.ts';
import type { ScramCredential, ScramDigest } from '../../broker/keys/scram-credentials.ts';
import { toBase64Url, utf8, utf8Text } from '../../kernel/bytes.ts';
import type { Random } from '../../kernel/random.ts';
import type { SaslExchange, SaslStep } from './mechanism.ts';

const NONCE_BYTES = 24;
const REFUSED: SaslStep = { outcome: 'refused' };

export interface ScramOptions {
  digest: ScramDigest;
  authenticator: KeyAuthenticator;
  random: Random;
}

export function scramExchange(options: ScramOptions): SaslExchange {
  let begun: Begun | undefined;
  return {
    step: async (message) => {
      const text = utf8Text(message);
      if (text === undefined) return REFUSED;
      if (begun !== undefined) return prove(options, begun, text);
      const first = parseClientFirst(text);
      if (first === undefined) return { outcome: 'refused', message: 'This first message of SCRAM is not understood.' };
      begun = await begin(options, first);
      return { outcome: 'continues', bytes: utf8(begun.serverFirst) };
    },
  };
}

/** After the first message of either side. */
interface Begun {
  first: ClientFirst;
  serverFirst: string;
  nonce: string;
  credential: ScramCredential;
}

async function begin({ digest, authenticator, random }: ScramOptions, first: ClientFirst): Promise<Begun> {
  const credential = await authenticator.scramCredential(digest, first.id);
  const nonce = first.nonce + toBase64Url(random.bytes(NONCE_BYTES));
  const serverFirst = `r=${nonce},s=${toBase64(credential.salt)},i=${credential.iterations}`;
  return { first, serverFirst, nonce, credential };
}

function prove({ digest, authenticator }: ScramOptions, begun: Begun, text: string): SaslStep {
  const { first, serverFirst, nonce, credential } = begun;
  const final = parseClientFinal(text);
  if (final === undefined) return { outcome: 'refused', message: 'This last message of SCRAM is not understood.' };
  if (final.binding !== toBase64(utf8(first.header))) return REFUSED;
  // Old librdkafkas (that of Debian's kcat among them) repeat their own nonce before it, as Kafka let them until 4.0.
  // What counts is in the rest: the server's own nonce, which no other exchange has, and the proof over all that was
  // said.
  if (!final.nonce.endsWith(nonce)) return REFUSED;
  const exchanged = utf8(`${first.bare},${serverFirst},${final.withoutProof}`);
  // All of them are tried, so that the time says nothing of which one it was.
  const tried = credential.verifiers.map(({ storedKey, serverKey }) => {
    return { serverKey, isProved: isProof({ digest, storedKey, exchanged, proof: final.proof }) };
  });
  const verifier = tried.find(({ isProved }) => isProved);
  const { principal } = credential;
  if (verifier === undefined || principal === undefined) return REFUSED;
  const signature = createHmac(digest, verifier.serverKey).update(exchanged).digest();
  return {
    outcome: 'proved',
    bytes: utf8(`v=${toBase64(signature)}`),
    identity: { principal, now: () => authenticator.principalOf(principal.id) },
  };
}

/** Whether the proof is the client key, of which only the hash is known here, with the client's signature over it. */
function isProof(claim: {
  digest: ScramDigest;
  storedKey: Uint8Array;
  exchanged: Uint8Array;
  proof: Uint8Array;
}): boolean {
  const { digest, storedKey, exchanged, proof } = claim;
  const signature = createHmac(digest, storedKey).update(exchanged).digest();
  if (proof.length !== signature.length) return false;
  const clientKey = signature.map((byte, at) => byte ^ (proof[at] as number));
  return timingSafeEqual(createHash(digest).update(clientKey).digest(), storedKey);
}

interface ClientFirst {
  /** What the last message repeats as its channel binding. */
  header: string;
  /** Without the header. */
  bare: string;
  id: string;
  nonce: string;
}

/** `n,[a=id],n=id,r=nonce`. Extensions that must be understood (`m=`) are not; others are let be. */
function parseClientFirst(text: string): ClientFirst | undefined {
  const parts = text.split(',');
  const [binding, actsAs = '', name = '', nonce = '', ...extensions] = parts;
  if (binding !== 'n' || !name.startsWith('n=') || !isNonce(nonce)) return undefined;
  const id = unescaped(name.slice(2));
  if (id === undefined || (actsAs !== '' && (!actsAs.startsWith('a=') || unescaped(actsAs.slice(2)) !== id))) {
    return undefined;
  }
  if (extensions.some((extension) => /^tokenauth=true$/i.test(extension))) return undefined;
  const bare = parts.slice(2).join(',');
  return { header: `n,${actsAs},`, bare, id, nonce: nonce.slice(2) };
}

interface ClientFinal {
  withoutProof: string;
  /** As base64. */
  binding: string;
  nonce: string;
  proof: Uint8Array;
}

/** `c=binding,r=nonce[,extensions],p=proof` */
function parseClientFinal(text: string): ClientFinal | undefined {
  const end = text.lastIndexOf(',p=');
  const withoutProof = text.slice(0, Math.max(0, end));
  const [binding = '', nonce = ''] = withoutProof.split(',');
  const proof = fromBase64(text.slice(end + 3));
  if (end < 0 || proof === undefined || !binding.startsWith('c=') || !isNonce(nonce)) return undefined;
  return { withoutProof, binding: binding.slice(2), nonce: nonce.slice(2), proof };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** `undefined` where it is not the form that `toBase64` makes. */
function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

function isNonce(part: string): boolean {
  return /^r=[\x21-\x7e]+$/.test(part);
}

/** A name as it is between commas; `undefined` where it cannot be one. */
function unescaped(name: string): string | undefined {
  if (name === '' || /=(?!2C|3D)/.test(name)) return undefined;
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
