import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { oauthBearerExchange } from '../../../lib/kafka/sasl/oauth-bearer.ts';
import { type TokenOptions, tokenValidator } from '../../../lib/kafka/sasl/token-validator.ts';
import { tokenLimits } from '../../../lib/kernel/limits/tokens.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const clock = new VirtualClock();
const issuer = 'https://issuer.example';
const audience = 'millrace';
let pair: Awaited<ReturnType<typeof generateKeyPair>>;
let keySet: string;

beforeAll(async () => {
  pair = await generateKeyPair('ES256');
  keySet = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' }] });
});

function nowSeconds(): number {
  return Math.floor(clock.now() / 1_000);
}

function claims(changed: Record<string, unknown> = {}): JWTPayload {
  return {
    iss: issuer,
    aud: audience,
    sub: 'ada',
    scope: 'openid produce:orders. consume',
    exp: nowSeconds() + 600,
    ...changed,
  };
}

function signed(payload: JWTPayload, key = pair.privateKey, kid = 'one'): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid }).sign(key);
}

function validator(changed: Partial<TokenOptions> = {}) {
  const keys = { read: async () => keySet };
  const options = { keys, issuer, audience, principalClaim: 'sub', scopeClaim: 'scope', scopePrefix: '', ...changed };
  return tokenValidator(options, clock);
}

function said(token: string, header = 'n,,'): Buffer {
  return Buffer.from(`${header}\u0001auth=Bearer ${token}\u0001\u0001`);
}

describe('a token', () => {
  it("is its principal's, with its scopes and until it expires", async () => {
    const step = await oauthBearerExchange(validator()).step(said(await signed(claims())));
    const grants = [{ scope: 'produce', topicPrefix: 'orders.' }, { scope: 'consume' }];
    expect(step).toEqual({
      outcome: 'proved',
      bytes: new Uint8Array(),
      identity: { principal: { id: 'ada', grants }, expiresAtMs: (nowSeconds() + 600) * 1_000 },
    });
  });

  it('may say so in other claims, with a prefix before its scopes', async () => {
    const payload = claims({ client_id: 'app', scp: ['millrace/admin', 'produce', 'other/consume'] });
    const tokens = validator({ principalClaim: 'client_id', scopeClaim: 'scp', scopePrefix: 'millrace/' });
    expect(await tokens.validate(await signed(payload))).toMatchObject({
      principal: { id: 'app', grants: [{ scope: 'admin' }] },
    });
  });

  it.each([
    ['expired', { exp: -tokenLimits.tokenSkewMs / 1_000 }],
    ['not valid yet', { nbf: 600 }],
  ])('that is %s is refused', async (_what, times) => {
    const payload = claims(Object.fromEntries(Object.entries(times).map(([name, at]) => [name, nowSeconds() + at])));
    expect(await validator().validate(await signed(payload))).toMatchObject({ status: 'invalid_token' });
  });

  it('is taken as long as the clocks may differ', async () => {
    const payload = claims({ exp: nowSeconds() - tokenLimits.tokenSkewMs / 1_000 + 1 });
    expect(await validator().validate(await signed(payload))).toMatchObject({ outcome: 'valid' });
  });

  it.each([
    ['from another issuer', { iss: 'https://other.example' }, 'invalid_token'],
    ['for another audience', { aud: 'other' }, 'invalid_token'],
    ['without an end', { exp: undefined }, 'invalid_token'],
    ['without a principal', { sub: undefined }, 'invalid_token'],
    ['of an unnamed principal', { sub: '' }, 'invalid_token'],
    ['without scopes', { scope: undefined }, 'insufficient_scope'],
    ['with scopes of others', { scope: 'openid email' }, 'insufficient_scope'],
    ['with a prefix that no topic has', { scope: 'produce:a/b' }, 'insufficient_scope'],
  ])('%s is refused', async (_what, changed, status) => {
    expect(await validator().validate(await signed(claims(changed)))).toMatchObject({ outcome: 'invalid', status });
  });

  it('that another has signed, or nobody, or that a secret would have signed, is refused', async () => {
    const other = await generateKeyPair('ES256');
    const secret = new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'one' });
    for (const token of [
      await signed(claims(), other.privateKey),
      await signed(claims(), pair.privateKey, 'unknown'),
      new UnsecuredJWT(claims()).encode(),
      await secret.sign(Buffer.from(keySet)),
      'a.b.c',
      'opaque',
    ]) {
      expect(await validator().validate(token)).toMatchObject({ outcome: 'invalid', status: 'invalid_token' });
    }
  });
});

describe("the issuer's keys", () => {
  it('are fetched', async () => {
    const server = createServer((_request, response) => response.end(keySet)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    expect(await validator({ keys: { url } }).validate(await signed(claims()))).toMatchObject({ outcome: 'valid' });
    server.close();
    server.closeAllConnections();
    // Nothing is wrong with the token where the keys cannot be had.
    await expect(validator({ keys: { url } }).validate(await signed(claims()))).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
  });

  it('are read anew after a while', async () => {
    const next = await generateKeyPair('ES256');
    let stored = keySet;
    const tokens = validator({ keys: { read: async () => stored } });
    const token = await signed(claims(), next.privateKey, 'two');
    expect(await tokens.validate(token)).toMatchObject({ outcome: 'invalid' });
    stored = JSON.stringify({ keys: [{ ...(await exportJWK(next.publicKey)), kid: 'two', alg: 'ES256' }] });
    clock.advance(tokenLimits.keysCooldownMs);
    expect(await tokens.validate(await signed(claims(), next.privateKey, 'two'))).toMatchObject({ outcome: 'valid' });
  });

  it('that cannot be read are no reason to say no', async () => {
    for (const text of ['', '{}', 'nonsense']) {
      const tokens = validator({ keys: { read: async () => text } });
      await expect(tokens.validate(await signed(claims()))).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    }
  });
});

describe('OAUTHBEARER', () => {
  it('says what is wrong with a token, and refuses when the client has understood', async () => {
    const exchange = oauthBearerExchange(validator());
    const step = await exchange.step(said('opaque'));
    if (step.outcome !== 'continues') throw new Error('it was not told');
    expect(JSON.parse(Buffer.from(step.bytes).toString())).toEqual({ status: 'invalid_token' });
    expect(await exchange.step(Buffer.from('\u0001'))).toMatchObject({ outcome: 'refused' });
  });

  it('lets extensions be, and nobody act as another', async () => {
    const token = await signed(claims());
    const extended = Buffer.from(`n,a=ada,\u0001auth=bearer ${token}\u0001traceId=7\u0001\u0001`);
    expect(await oauthBearerExchange(validator()).step(extended)).toMatchObject({ outcome: 'proved' });
    expect(await oauthBearerExchange(validator()).step(said(token, 'n,a=bob,'))).toMatchObject({ outcome: 'refused' });
  });

  it.each([
    [''],
    ['n,,'],
    ['y,,\u0001auth=Bearer x\u0001\u0001'],
    ['n,,\u0001auth=Bearer x\u0001'],
    ['n,,\u0001auth=Basic x\u0001\u0001'],
    ['n,,\u0001other=Bearer x\u0001\u0001'],
    ['n,,\u0001auth=Bearer \u0001\u0001'],
  ])('refuses %j', async (message) => {
    expect(await oauthBearerExchange(validator()).step(Buffer.from(message))).toMatchObject({ outcome: 'refused' });
  });
});
