/**
 * Real clients that say who they are, by each mechanism, in the clear and over TLS, and write and read in some
 * compression.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, it } from 'vitest';
import { createAuthenticator } from '../../../lib/broker/keys/authenticate.ts';
import { createKey } from '../../../lib/broker/keys/create-key.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { tokenValidator } from '../../../lib/kafka/sasl/token-validator.ts';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { gatewayWorld, memoryBroker } from '../../kafka/support/gateway-world.ts';
import { authority, certificate, certificatePath } from '../../support/certificates.ts';
import { describeWithOptionalPeer, describeWithPeer } from '../support/peer.ts';

const run = promisify(execFile);
const home = new URL('../node_modules/kafkajs/', import.meta.url);
const withoutKafkajs = existsSync(home) ? undefined : 'kafkajs is not installed: run `npm run peers`';
const kcat = ['/usr/bin/kcat', '/usr/local/bin/kcat', '/opt/homebrew/bin/kcat'].find((path) => existsSync(path));
const withoutKcat = kcat === undefined ? 'kcat is not installed' : undefined;

const issuer = 'https://issuer.example';
const audience = 'millrace';

/** A gateway, the key of a client that may produce and consume what begins with `own.`, and a token for the same. */
async function world({ tls }: { tls: boolean }) {
  const broker = memoryBroker();
  const pair = await generateKeyPair('RS256');
  const keySet = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), alg: 'RS256' }] });
  const claims = { principalClaim: 'sub', scopeClaim: 'scope', scopePrefix: '' };
  const keys = { read: async () => keySet };
  const { port } = await gatewayWorld({
    broker,
    authenticator: createAuthenticator({ broker }),
    initialRebalanceDelayMs: 0,
    tokens: tokenValidator({ keys, issuer, audience, ...claims }, systemClock),
    ...(tls && { tls: certificate('server') }),
  });
  for (const name of ['own.topic', 'other']) await createTopic(broker, { name, partitions: 1 });
  const prefix = { topicPrefix: 'own.' };
  const key = await createKey(broker, {
    grants: [
      { scope: 'produce', ...prefix },
      { scope: 'consume', ...prefix },
    ],
  });
  const scope = 'produce:own. consume:own.';
  const token = await new SignJWT({ scope, sub: 'ada', iss: issuer, aud: audience })
    .setProtectedHeader({ alg: 'RS256' })
    .setExpirationTime('1h')
    .sign(pair.privateKey);
  return { port, key, token };
}

/** What is used of kafkajs. */
interface Producer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  send(records: {
    topic: string;
    compression: number;
    messages: { value: string }[];
  }): Promise<{ baseOffset: string }[]>;
}
interface Consumer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  subscribe(topics: { topic: string; fromBeginning: boolean }): Promise<void>;
  run(options: { eachMessage(delivery: { message: { value: Buffer } }): Promise<void> }): Promise<void>;
}
interface Kafkajs {
  producer(): Producer;
  consumer(options: { groupId: string }): Consumer;
}
interface Options {
  brokers: string[];
  logLevel: number;
  retry: { retries: number };
  sasl: object;
  ssl?: { ca: string[] };
}

/** Of kafkajs, which has no other by itself. */
const GZIP = 1;

function kafkajs(options: Pick<Options, 'brokers' | 'sasl' | 'ssl'>): Kafkajs {
  const { Kafka } = createRequire(home)('kafkajs') as { Kafka: new (options: Options) => Kafkajs };
  return new Kafka({ ...options, logLevel: 0, retry: { retries: 0 } });
}

/** The first values of the topic, by a member of a group. */
async function firstValues(consumer: Consumer, topic: string, count: number): Promise<string[]> {
  const values: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: { message: { value: Buffer } }) => {
      values.push(message.value.toString());
      if (values.length === count) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return values;
}

const transports = [
  ['in the clear', { tls: false }],
  ['over TLS', { tls: true }],
] as const;

describeWithPeer(withoutKafkajs)('kafkajs', () => {
  it.each(transports)('writes and reads by each mechanism %s, and is kept to its grants', async (_how, { tls }) => {
    const { port, key, token } = await world({ tls });
    const reach = { brokers: [`127.0.0.1:${port}`], ...(tls && { ssl: { ca: [authority] } }) };
    const named = { username: key.id, password: key.secret };
    const ways = [
      { mechanism: 'plain', ...named },
      { mechanism: 'scram-sha-256', ...named },
      { mechanism: 'scram-sha-512', ...named },
      { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: token }) },
    ];
    const written: string[] = [];
    for (const [at, sasl] of ways.entries()) {
      const client = kafkajs({ ...reach, sasl });
      const producer = client.producer();
      await producer.connect();
      const records = { compression: GZIP, messages: [{ value: sasl.mechanism }] };
      expect(await producer.send({ topic: 'own.topic', ...records })).toMatchObject([{ baseOffset: String(at) }]);
      await expect(producer.send({ topic: 'other', ...records })).rejects.toThrow(/authorized/i);
      await producer.disconnect();
      written.push(sasl.mechanism);
      const consumer = client.consumer({ groupId: `own.${sasl.mechanism}` });
      expect(await firstValues(consumer, 'own.topic', written.length)).toEqual(written);
    }
  });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'])('is refused with a wrong secret (%s)', async (mechanism) => {
    const { port, key } = await world({ tls: false });
    const sasl = { mechanism, username: key.id, password: 'wrong' };
    const producer = kafkajs({ brokers: [`127.0.0.1:${port}`], sasl }).producer();
    await expect(producer.connect()).rejects.toThrow('The credentials are not valid');
  });
});

describeWithOptionalPeer(withoutKcat)('kcat', () => {
  /** Without OAUTHBEARER: Debian's is built without what it gets a token with. */
  const mechanisms = { PLAIN: 'snappy', 'SCRAM-SHA-256': 'lz4', 'SCRAM-SHA-512': 'zstd' } as const;

  it.each(transports)('writes and reads by each mechanism %s', async (_how, { tls }) => {
    const { port, key } = await world({ tls });
    const protocol = tls
      ? ['security.protocol=SASL_SSL', `ssl.ca.location=${certificatePath('authority', 'crt')}`]
      : ['security.protocol=SASL_PLAINTEXT'];
    for (const [mechanism, codec] of Object.entries(mechanisms)) {
      const settings = [
        ...protocol,
        `sasl.mechanisms=${mechanism}`,
        `sasl.username=${key.id}`,
        `sasl.password=${key.secret}`,
      ];
      const common = ['-b', `127.0.0.1:${port}`, '-t', 'own.topic', ...settings.flatMap((setting) => ['-X', setting])];
      const writing = run(kcat ?? '', ['-P', '-z', codec, ...common]);
      writing.child.stdin?.end(`${mechanism}\n`);
      await writing;
      const { stdout } = await run(kcat ?? '', ['-C', '-o', 'beginning', '-e', '-q', ...common]);
      expect(stdout.trim().split('\n').at(-1)).toBe(mechanism);
    }
  });
});
