import { describe, expect, it } from 'vitest';
import { SaslConversation } from '../../../lib/kafka/sasl/conversation.ts';
import type { Identity, SaslStep } from '../../../lib/kafka/sasl/mechanism.ts';
import { utf8, utf8Text } from '../../../lib/kernel/bytes.ts';
import { kafkaLimits } from '../../../lib/kernel/limits/kafka.ts';
import { keyLimits } from '../../../lib/kernel/limits/keys.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const ILLEGAL_SASL_STATE = 34;
const UNSUPPORTED_SASL_MECHANISM = 33;
const SASL_AUTHENTICATION_FAILED = 58;

/** A mechanism whose client says who it is; `…` asks for more, and `!` is refused. */
function trusting(identityOf: (id: string) => Identity) {
  return () => ({
    step: async (message: Uint8Array): Promise<SaslStep> => {
      const id = utf8Text(message) ?? '';
      if (id === '!') return { outcome: 'refused' };
      if (id === '…') return { outcome: 'continues', bytes: utf8('more') };
      return { outcome: 'proved', bytes: utf8('welcome'), identity: identityOf(id) };
    },
  });
}

function conversation({
  sessionMsMax,
  facts = {},
}: {
  sessionMsMax?: number;
  facts?: Omit<Identity, 'principal'>;
} = {}) {
  const clock = new VirtualClock();
  const begin = trusting((id) => ({ principal: { id, grants: [] }, ...facts }));
  const mechanisms = new Map([
    ['TRUST', begin],
    ['OTHER', begin],
  ]);
  return {
    clock,
    sasl: new SaslConversation({ mechanisms, clock, ...(sessionMsMax !== undefined && { sessionMsMax }) }),
  };
}

async function authenticated(sasl: SaslConversation, id = 'me', mechanism = 'TRUST') {
  expect(sasl.handshake(mechanism, { isRaw: false })).toBeUndefined();
  return sasl.authenticate(utf8(id));
}

describe('a conversation', () => {
  it('begins with a handshake, and goes on until who it is is proved', async () => {
    const { sasl } = conversation();
    expect(sasl.principal).toBeUndefined();
    expect(sasl.handshake('TRUST', { isRaw: false })).toBeUndefined();
    expect(await sasl.authenticate(utf8('…'))).toEqual({ bytes: utf8('more') });
    expect(sasl.principal).toBeUndefined();
    expect(await sasl.authenticate(utf8('me'))).toEqual({ bytes: utf8('welcome'), lifetimeMs: 0 });
    expect(sasl.principal).toEqual({ id: 'me', grants: [] });
  });

  it('says which mechanisms there are to who wants another', () => {
    const { sasl } = conversation();
    const refusal = sasl.handshake('GSSAPI', { isRaw: false });
    expect(refusal).toMatchObject({ failure: { code: UNSUPPORTED_SASL_MECHANISM }, isFinal: true });
    expect(sasl.mechanisms).toEqual(['TRUST', 'OTHER']);
  });

  it('ends with what the mechanism refuses', async () => {
    const { sasl } = conversation();
    expect(await authenticated(sasl, '!')).toMatchObject({
      failure: { code: SASL_AUTHENTICATION_FAILED },
      isFinal: true,
    });
    expect(sasl.principal).toBeUndefined();
  });

  it('ends with a message before the handshake, and with a handshake amid messages', async () => {
    const early = conversation().sasl;
    const illegal = { failure: { code: ILLEGAL_SASL_STATE }, isFinal: true };
    expect(await early.authenticate(utf8('me'))).toMatchObject(illegal);
    const { sasl } = conversation();
    sasl.handshake('TRUST', { isRaw: false });
    expect(sasl.handshake('TRUST', { isRaw: false })).toMatchObject(illegal);
  });

  it('takes bare messages only between a handshake that announces them and the proof', async () => {
    const { sasl } = conversation();
    expect(sasl.takesTokens).toBe(false);
    sasl.handshake('TRUST', { isRaw: true });
    expect(sasl.takesTokens).toBe(true);
    await sasl.authenticate(utf8('me'));
    expect(sasl.takesTokens).toBe(false);
  });

  it('goes on after a message that nobody expected once it is proved, as Kafka does', async () => {
    const { sasl } = conversation();
    await authenticated(sasl);
    expect(await sasl.authenticate(utf8('me'))).toMatchObject({
      failure: { code: ILLEGAL_SASL_STATE },
      isFinal: false,
    });
    expect(sasl.handshake('TRUST', { isRaw: false })).toMatchObject({
      failure: { code: ILLEGAL_SASL_STATE },
      isFinal: false,
    });
    expect(sasl.principal).toMatchObject({ id: 'me' });
  });
});

describe('a session', () => {
  it('lasts as long as it may, and as what was proved holds, whichever is shorter', async () => {
    const proved = conversation({ facts: { expiresAtMs: new VirtualClock().now() + 5_000 } });
    expect(await authenticated(proved.sasl)).toMatchObject({ lifetimeMs: 5_000 });
    const allowed = conversation({ sessionMsMax: 3_000, facts: { expiresAtMs: new VirtualClock().now() + 5_000 } });
    expect(await authenticated(allowed.sasl)).toMatchObject({ lifetimeMs: 3_000 });
    allowed.clock.advance(2_999);
    expect(allowed.sasl.principal).toMatchObject({ id: 'me' });
    allowed.clock.advance(1);
    expect(allowed.sasl.principal).toBeUndefined();
    expect(await allowed.sasl.refresh()).toBeUndefined();
  });

  it('is renewed by proving the same anew', async () => {
    const { sasl, clock } = conversation({ sessionMsMax: 10_000 });
    await authenticated(sasl);
    clock.advance(9_000);
    expect(await authenticated(sasl)).toMatchObject({ lifetimeMs: 10_000 });
    clock.advance(9_000);
    expect(sasl.principal).toMatchObject({ id: 'me' });
  });

  it('stays with its principal and its mechanism', async () => {
    const another = conversation();
    await authenticated(another.sasl);
    another.clock.advance(kafkaLimits.kafkaReauthenticationMsMin);
    expect(await authenticated(another.sasl, 'other')).toMatchObject({ isFinal: true });
    const by = conversation();
    await authenticated(by.sasl);
    by.clock.advance(kafkaLimits.kafkaReauthenticationMsMin);
    expect(await authenticated(by.sasl, 'me', 'OTHER')).toMatchObject({ isFinal: true });
  });

  it('ends with its key, and knows of changed grants, a moment later', async () => {
    let now: Identity['principal'] | undefined = { id: 'me', grants: [] };
    const { sasl, clock } = conversation({ facts: { now: async () => now } });
    await authenticated(sasl);
    now = { id: 'me', grants: [{ scope: 'produce' }] };
    expect(await sasl.refresh()).toEqual({ id: 'me', grants: [] });
    clock.advance(keyLimits.principalCacheMs);
    expect(await sasl.refresh()).toEqual(now);
    now = undefined;
    clock.advance(keyLimits.principalCacheMs);
    expect(await sasl.refresh()).toBeUndefined();
    expect(sasl.principal).toBeUndefined();
  });

  it('of who has proved it by other means is there from the beginning', () => {
    const proved = { principal: { id: 'me', grants: [] } };
    const sasl = new SaslConversation({ mechanisms: new Map(), clock: new VirtualClock(), proved });
    expect(sasl.principal).toEqual(proved.principal);
  });
});
