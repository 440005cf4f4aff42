import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  generateSecret,
  hashSecret,
  scramVerifier,
  secretKeyId,
  secretMatches,
} from '../../../lib/broker/keys/secrets.ts';
import { toHex } from '../../../lib/kernel/bytes.ts';
import { seededRandom, systemRandom } from '../../../lib/kernel/random.ts';

describe('a generated secret', () => {
  it('holds the id of its key and 256 random bits', () => {
    const { id, secret } = generateSecret(systemRandom);
    expect(secret).toMatch(new RegExp(`^mr_${id}_[A-Za-z0-9_-]{43}$`));
    expect(secretKeyId(secret)).toBe(id);
    expect(generateSecret(systemRandom).secret).not.toBe(secret);
  });

  it('is never mistaken for other text', () => {
    const { id, secret } = generateSecret(seededRandom(1));
    for (const text of [
      '',
      secret.slice(1),
      secret.slice(0, -1),
      `${secret}x`,
      secret.toUpperCase(),
      id,
      ` ${secret}`,
    ]) {
      expect(secretKeyId(text)).toBeUndefined();
    }
  });

  it('matches its own hash only, and only under its salt', () => {
    const salt = Uint8Array.of(1, 2, 3);
    const hash = hashSecret(salt, 'secret');
    expect(secretMatches(salt, hash, 'secret')).toBe(true);
    expect(secretMatches(salt, hash, 'Secret')).toBe(false);
    expect(secretMatches(salt, hash, '')).toBe(false);
    expect(secretMatches(Uint8Array.of(1, 2, 4), hash, 'secret')).toBe(false);
  });
});

describe('a SCRAM verifier', () => {
  it('verifies the exchange of RFC 7677, section 3', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const { storedKey, serverKey } = await scramVerifier('sha256', salt, 'pencil', 4096);
    const message =
      'n=user,r=rOprNGfwEbeRWgbNEkqO,' +
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,' +
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
    const signature = createHmac('sha256', storedKey).update(message).digest();
    const clientKey = proof.map((byte, i) => byte ^ (signature[i] as number));
    expect(createHash('sha256').update(clientKey).digest()).toEqual(Buffer.from(storedKey));
    expect(createHmac('sha256', serverKey).update(message).digest('base64')).toBe(
      '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
  });

  // Computed with Python's hashlib and hmac.
  const secret = `mr_0123456789abcdef_${'A'.repeat(43)}`;

  it.each([
    [
      'sha256' as const,
      1,
      '6158c5c463e50c3fd472db0ec0a508f2ade08737d1d01a0ea65ac9693574fbd4',
      '85bb5312a9bc1952b81c32ea15d4ea876a54baec4ad430854d5b76bcfc384083',
    ],
    [
      'sha512' as const,
      2,
      '8e35a1c8651347e6ae08befce58103dc0031bc49c1738fdbf0450f545315ba76617f922576fa9e947811e4b96288ff2b79634d44557b0e50cbd5e615e56e46ba',
      '072fafe2fb33bb83266e8b9aba95d3c2451ba32aaf9e2796eb62e8f7631f7a7e4c250f02d26d791edc30019139e2e867a0b1aa12088ae943a4661349f0635525',
    ],
  ])('agrees with another implementation for %s', async (digest, filler, storedKey, serverKey) => {
    const verifier = await scramVerifier(digest, new Uint8Array(16).fill(filler), secret);
    expect(verifier.iterations).toBe(4096);
    expect(toHex(verifier.storedKey)).toBe(storedKey);
    expect(toHex(verifier.serverKey)).toBe(serverKey);
  });
});
