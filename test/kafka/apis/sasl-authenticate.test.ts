import { describe, expect, it } from 'vitest';
import type { Broker } from '../../../lib/broker/broker.ts';
import { createAuthenticator } from '../../../lib/broker/keys/authenticate.ts';
import { createKey } from '../../../lib/broker/keys/create-key.ts';
import { deleteKey } from '../../../lib/broker/keys/delete-key.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { kafkaLimits } from '../../../lib/kernel/limits/kafka.ts';
import { keyLimits } from '../../../lib/kernel/limits/keys.ts';
import { batchOf } from '../../support/broker.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type GatewayWorldOptions, gatewayWorld, memoryBroker } from '../support/gateway-world.ts';
import { framed, type KafkaTestClient } from '../support/kafka-test-client.ts';
import { ScramClient } from '../support/scram-client.ts';

const NONE = 0;
const TOPIC_AUTHORIZATION_FAILED = 29;
const UNSUPPORTED_SASL_MECHANISM = 33;
const ILLEGAL_SASL_STATE = 34;
const SASL_AUTHENTICATION_FAILED = 58;

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
const ADMIN = Buffer.from('\0admin\0admin-secret');

/** A gateway that asks who its clients are. */
function asking({ broker = memoryBroker(), ...options }: GatewayWorldOptions & { broker?: Broker } = {}) {
  const authenticator = createAuthenticator({ broker, staticKeys: [{ id: 'admin', secret: 'admin-secret' }] });
  return gatewayWorld({ broker, authenticator, ...options });
}

async function plain(client: KafkaTestClient, authBytes: Uint8Array = ADMIN) {
  const { errorCode } = await client.request('SaslHandshake', 1, { mechanism: 'PLAIN' });
  expect(errorCode).toBe(NONE);
  return client.request('SaslAuthenticate', 2, { authBytes });
}

/** The frames that come, without their sizes. */
async function bareFrame(client: KafkaTestClient): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (;;) {
    const all = Buffer.concat(chunks);
    if (all.length >= 4 && all.length >= 4 + all.readInt32BE(0)) return all.subarray(4);
    chunks.push(await new Promise<Buffer>((resolve) => client.socket.once('data', resolve)));
  }
}

describe('a client', () => {
  it('is served when it has said who it is', async () => {
    const { connect } = await asking();
    const client = await connect();
    expect(await plain(client)).toMatchObject({ errorCode: NONE, errorMessage: null, sessionLifetimeMs: 0n });
    expect((await client.request('Metadata', 12, { topics: null })).topics).toEqual([]);
  });

  it.each([
    ['SCRAM-SHA-256', 'sha256'],
    ['SCRAM-SHA-512', 'sha512'],
  ] as const)('says so by %s, and may do what its key may', async (mechanism, digest) => {
    const { broker, connect } = await asking();
    await createTopic(broker, { name: 'mine.1', partitions: 1 });
    await createTopic(broker, { name: 'other', partitions: 1 });
    const { id, secret } = await createKey(broker, { grants: [{ scope: 'produce', topicPrefix: 'mine.' }] });
    const client = await connect();
    expect(await client.request('SaslHandshake', 1, { mechanism })).toEqual({
      errorCode: NONE,
      mechanisms: MECHANISMS,
    });
    const scram = new ScramClient({ digest, id, secret });
    const first = await client.request('SaslAuthenticate', 1, { authBytes: scram.first() });
    expect(first.errorCode).toBe(NONE);
    const last = await client.request('SaslAuthenticate', 1, { authBytes: scram.final(first.authBytes) });
    expect(last.errorCode).toBe(NONE);
    expect(scram.trusts(last.authBytes)).toBe(true);
    const codes = async (name: string) => {
      const topicData = [{ name, partitionData: [{ index: 0, records: batchOf('a') }] }];
      const answer = await client.request('Produce', 9, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 1_000,
        topicData,
      });
      return answer.responses[0]?.partitionResponses[0]?.errorCode;
    };
    expect([await codes('mine.1'), await codes('other')]).toEqual([NONE, TOPIC_AUTHORIZATION_FAILED]);
  });

  it('may ask for the versions before, and for nothing else', async () => {
    const { connect, logged } = await asking();
    const client = await connect();
    const versions = await client.request('ApiVersions', 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' });
    expect(versions.apiKeys).toContainEqual({ apiKey: 36, minVersion: 0, maxVersion: 2 });
    await expect(client.request('Metadata', 12, { topics: null })).rejects.toThrow('closed');
    expect(logged.map(({ message }) => message).join()).toContain('before the client had said who it is');
  });

  it('sends small frames only until then', async () => {
    const { connect } = await asking();
    const client = await connect();
    client.sendBytes(Uint8Array.of(0, 8, 0, 1, 0, 0));
    await client.closed;
    const known = await connect();
    await plain(known);
    const topicData = [{ name: 'x', partitionData: [{ index: 0, records: concatBytes([new Uint8Array(600_000)]) }] }];
    const body = { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData };
    expect((await known.request('Produce', 9, body)).responses).toHaveLength(1);
  });

  it('is given so long to say who it is', async () => {
    const clock = new ManualClock();
    const { connect } = await asking({ broker: memoryBroker(clock), clock });
    const [stranger, known] = [await connect(), await connect()];
    await stranger.request('ApiVersions', 0, {});
    await plain(known);
    await clock.advance(kafkaLimits.kafkaAuthenticationMsMax + kafkaLimits.kafkaConnectionCheckMs);
    await stranger.closed;
    expect((await known.request('Metadata', 12, { topics: null })).topics).toEqual([]);
  });

  it('that guesses is told late, and cut off', async () => {
    const { connect } = await asking();
    const client = await connect();
    const began = performance.now();
    const answer = await plain(client, Buffer.from('\0admin\0wrong'));
    expect(performance.now() - began).toBeGreaterThan(kafkaLimits.kafkaRefusalDelayMs - 5);
    expect(answer).toMatchObject({ errorCode: SASL_AUTHENTICATION_FAILED, authBytes: Buffer.alloc(0) });
    expect(answer.errorMessage).not.toContain('admin');
    await client.closed;
  });

  it('is told which mechanisms there are, and cut off, if it wants another', async () => {
    const { connect } = await asking();
    const client = await connect();
    const answer = await client.request('SaslHandshake', 1, { mechanism: 'GSSAPI' });
    expect(answer).toEqual({ errorCode: UNSUPPORTED_SASL_MECHANISM, mechanisms: MECHANISMS });
    await client.closed;
  });

  it('that names no mechanism first is cut off', async () => {
    const { connect } = await asking();
    const client = await connect();
    const answer = await client.request('SaslAuthenticate', 2, { authBytes: ADMIN });
    expect(answer.errorCode).toBe(ILLEGAL_SASL_STATE);
    await client.closed;
  });

  it('of the first handshake sends its messages bare, and gets them so', async () => {
    const { connect } = await asking();
    const client = await connect();
    expect((await client.request('SaslHandshake', 0, { mechanism: 'PLAIN' })).errorCode).toBe(NONE);
    client.socket.removeAllListeners('data');
    client.sendBytes(framed(ADMIN));
    expect(await bareFrame(client)).toHaveLength(0);
    const wrong = await connect();
    await wrong.request('SaslHandshake', 0, { mechanism: 'PLAIN' });
    wrong.sendBytes(framed(Buffer.from('\0admin\0wrong')));
    await wrong.closed;
  });

  it('that is not asked is told that nobody is', async () => {
    const { connect } = await gatewayWorld();
    const client = await connect();
    const handshake = await client.request('SaslHandshake', 1, { mechanism: 'PLAIN' });
    expect(handshake).toEqual({ errorCode: ILLEGAL_SASL_STATE, mechanisms: [] });
    expect(await client.request('SaslAuthenticate', 0, { authBytes: ADMIN })).toMatchObject({
      errorCode: ILLEGAL_SASL_STATE,
    });
    expect((await client.request('Metadata', 12, { topics: null })).topics).toEqual([]);
  });
});

describe('a session', () => {
  /** The machine's clock, with time that the test adds. */
  function movableClock() {
    let aheadMs = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };
    return { clock, advance: (ms: number) => void (aheadMs += ms) };
  }

  it('that may not last longer ends the connection, unless it is renewed before', async () => {
    const { clock, advance } = movableClock();
    const { connect } = await asking({ broker: memoryBroker(clock), clock, sessionMsMax: 60_000 });
    const [renewing, silent] = [await connect(), await connect()];
    for (const client of [renewing, silent]) {
      expect(await plain(client)).toMatchObject({ sessionLifetimeMs: 60_000n });
    }
    advance(40_000);
    expect(await plain(renewing)).toMatchObject({ errorCode: NONE, sessionLifetimeMs: 60_000n });
    advance(40_000);
    expect((await renewing.request('Metadata', 12, { topics: null })).topics).toEqual([]);
    await expect(silent.request('Metadata', 12, { topics: null })).rejects.toThrow('closed');
  });

  it('ends with the key', async () => {
    const { clock, advance } = movableClock();
    const { broker, connect } = await asking({ broker: memoryBroker(clock), clock });
    const { id, secret } = await createKey(broker, { grants: [{ scope: 'consume' }] });
    const client = await connect();
    await plain(client, Buffer.from(`\0${id}\0${secret}`));
    expect((await client.request('Metadata', 12, { topics: null })).topics).toEqual([]);
    await deleteKey(broker, id);
    advance(keyLimits.principalCacheMs);
    await expect(client.request('Metadata', 12, { topics: null })).rejects.toThrow('closed');
  });

  it('that goes on is no reason for another handshake at once', async () => {
    const { connect } = await asking();
    const client = await connect();
    await plain(client);
    expect(await client.request('SaslHandshake', 1, { mechanism: 'PLAIN' })).toMatchObject({
      errorCode: ILLEGAL_SASL_STATE,
    });
    expect((await client.request('Metadata', 12, { topics: null })).topics).toEqual([]);
  });
});
