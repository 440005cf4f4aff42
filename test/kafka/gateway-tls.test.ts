/** The gateway over TLS: who its clients are by their certificates, and a certificate of its own that is replaced. */
import { connect as connectSocket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { createAuthenticator } from '../../lib/broker/keys/authenticate.ts';
import { authority, type CertificateName, certificate } from '../support/certificates.ts';
import { gatewayWorld, memoryBroker } from './support/gateway-world.ts';
import { KafkaTestClient } from './support/kafka-test-client.ts';

const sockets: TLSSocket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** Resolves when TLS is agreed on. */
async function connected(port: number, options: ConnectionOptions = {}) {
  const socket = connectTls({ port, host: '127.0.0.1', ca: authority, ...options });
  sockets.push(socket);
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return { socket, client: new KafkaTestClient(socket) };
}

async function world() {
  const broker = memoryBroker();
  const authenticator = createAuthenticator({ broker, staticKeys: [{ id: 'admin', secret: 'admin-secret' }] });
  const tls = { ...certificate('server'), ca: authority, requestCert: true, rejectUnauthorized: false };
  return gatewayWorld({ broker, authenticator, tls });
}

it('is spoken to in TLS', async () => {
  const { port } = await gatewayWorld({ tls: certificate('server') });
  const { client, socket } = await connected(port);
  expect(socket.authorized).toBe(true);
  expect((await client.request('Metadata', 12, { topics: null })).topics).toEqual([]);
});

it('knows a client by its certificate', async () => {
  const { port } = await world();
  const { client } = await connected(port, certificate('admin'));
  const topics = [{ name: 'made', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
  const answer = await client.request('CreateTopics', 7, { topics, timeoutMs: 1_000, validateOnly: false });
  expect(answer.topics).toMatchObject([{ name: 'made', errorCode: 0 }]);
});

it('asks a client without certificate as it asks all others', async () => {
  const { port } = await world();
  const { client } = await connected(port);
  await client.request('SaslHandshake', 1, { mechanism: 'PLAIN' });
  const authBytes = Buffer.from('\0admin\0admin-secret');
  expect(await client.request('SaslAuthenticate', 2, { authBytes })).toMatchObject({ errorCode: 0 });
  const silent = await connected(port);
  await expect(silent.client.request('Metadata', 12, { topics: null })).rejects.toThrow('closed');
});

it.each<[CertificateName, string]>([
  ['nobody', 'names no key'],
  ['two-names', 'has not one name'],
  ['stranger', 'is not trusted'],
])('closes the connection of a client with the certificate "%s", which %s', async (name, reason) => {
  const { port, logged } = await world();
  const { client } = await connected(port, certificate(name));
  await client.closed;
  expect(logged.map(({ message }) => message).join()).toContain(reason);
});

it('shows a new certificate to new connections, and keeps those that are there', async () => {
  const { port, gateway } = await gatewayWorld({ tls: certificate('server') });
  const before = await connected(port);
  expect(before.socket.getPeerCertificate().subject.CN).toBe('localhost');
  gateway.replaceCertificate(certificate('next'));
  const after = await connected(port);
  expect(after.socket.getPeerCertificate().subject.CN).toBe('next.localhost');
  expect((await before.client.request('Metadata', 12, { topics: null })).topics).toEqual([]);
});

it('says why no TLS is agreed on with a client, and nothing of one that only connects', async () => {
  const { port, logged } = await gatewayWorld({ tls: certificate('server') });
  const silent = connectSocket(port, '127.0.0.1');
  await new Promise<void>((resolve) => silent.once('connect', resolve));
  silent.destroy();
  const client = await KafkaTestClient.open(port);
  client.send('ApiVersions', 0, {});
  await client.closed;
  await expect
    .poll(() => logged.map(({ message }) => message))
    .toEqual([expect.stringContaining('no TLS is agreed on: the client does not speak it')]);
});
