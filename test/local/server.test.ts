import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/kernel/clock.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { createLogger } from '../../lib/local/logger.ts';
import { type LocalOptions, parseCommand } from '../../lib/local/options.ts';
import { type RunningServer, startServer } from '../../lib/local/server.ts';
import { cleanUp, temporaryDirectory } from '../support/local-process.ts';

const running: RunningServer[] = [];
const logged: string[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
  logged.length = 0;
  await cleanUp();
});

function options(...args: string[]): LocalOptions {
  const command = parseCommand({
    args: [...(args.includes('--port') ? [] : ['--port', '0']), ...args],
    env: {},
    readFile: String,
  });
  if (command.command !== 'serve') throw new Error('asks for help');
  return command.options;
}

async function start(...args: string[]): Promise<RunningServer> {
  const log = createLogger(systemClock, (line) => logged.push(line));
  const server = await startServer(options(...args), { clock: systemClock, random: systemRandom, log });
  running.push(server);
  return server;
}

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** A topic with one record that is too large to be stored inline, and its plan. */
async function planned(url: string): Promise<{ url: string; headers: Record<string, string> }> {
  await post(`${url}/v1/topics`, { name: 'orders' });
  await post(`${url}/v1/topics/orders/records`, { records: [{ value: 'x'.repeat(10_000) }] });
  const plan = await fetch(`${url}/v1/topics/orders/partitions/0/plan?offset=0`);
  const { segments } = (await plan.json()) as { segments: { url: string; headers: Record<string, string> }[] };
  return segments[0] as { url: string; headers: Record<string, string> };
}

describe('the local server', () => {
  it.each(['memory', 'directory'])('serves the signed URLs of its objects (%s)', async (kind) => {
    const { url } = await start('--data', kind === 'memory' ? ':memory:' : await temporaryDirectory());
    const segment = await planned(url);
    expect(segment.url).toContain(`${url}/v1/objects/`);
    const bytes = await fetch(segment.url, { headers: segment.headers });
    expect(bytes.status).toBe(206);
    expect((await bytes.bytes()).length).toBeGreaterThan(10_000);
    const tampered = await fetch(`${segment.url.slice(0, -1)}_`, { headers: segment.headers });
    expect(tampered.status).toBe(403);
  });

  it('does its maintenance as often as it is told', async () => {
    await start('--data', ':memory:', '--maintenance-interval-ms', '1000');
    const rounds = () => logged.filter((line) => line.includes('The compaction of topics has ended'));
    await expect.poll(() => rounds().length, { timeout: 15_000 }).toBeGreaterThan(1);
  });

  it("does not listen any more where Kafka's protocol was asked for and cannot be served", async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    const free = createServer().listen(0, '127.0.0.1');
    await Promise.all([once(taken, 'listening'), once(free, 'listening')]);
    const [kafkaPort, port] = [taken, free].map((server) => String((server.address() as AddressInfo).port));
    await new Promise((resolve) => free.close(resolve));
    const starting = start('--data', ':memory:', '--port', port as string, '--kafka-port', kafkaPort as string);
    await expect(starting).rejects.toThrow('is in use');
    await new Promise((resolve) => taken.close(resolve));
    await expect(fetch(`http://127.0.0.1:${port}/v1/topics`)).rejects.toThrow('fetch failed');
  });

  it('signs URLs that outlive a restart', async () => {
    const data = await temporaryDirectory();
    const first = await start('--data', data);
    const segment = await planned(first.url);
    await first.close();
    const second = await start('--data', data);
    const moved = segment.url.replace(first.url, second.url);
    expect((await fetch(moved, { headers: segment.headers })).status).toBe(206);
  });

  it('signs URLs for where clients reach it', async () => {
    const { url } = await start('--data', ':memory:', '--advertised-url', 'https://millrace.example.com');
    expect((await planned(url)).url).toMatch(/^https:\/\/millrace\.example\.com\/v1\/objects\//);
  });

  it('stores nothing inline when told so', async () => {
    const { url } = await start('--data', ':memory:', '--inline-bytes-max', '0');
    await post(`${url}/v1/topics`, { name: 'orders' });
    await post(`${url}/v1/topics/orders/records`, { records: [{ value: 'small' }] });
    const plan = await fetch(`${url}/v1/topics/orders/partitions/0/plan?offset=0`);
    expect(await plan.json()).toMatchObject({ segments: [{ url: expect.stringContaining('/v1/objects/') as string }] });
  });

  it('asks for a key where one is declared, and takes those made with it', async () => {
    const secret = 'a-long-enough-declared-secret';
    const { url } = await start('--data', ':memory:', '--api-key', secret);
    expect((await post(`${url}/v1/topics`, { name: 'orders' })).status).toBe(401);
    const authorization = `Bearer ${secret}`;
    expect((await post(`${url}/v1/topics`, { name: 'orders' }, { authorization })).status).toBe(201);
    const made = await post(`${url}/v1/keys`, { scopes: ['consume'] }, { authorization });
    const key = (await made.json()) as { id: string; secret: string };
    const asConsumer = { authorization: `Bearer ${key.secret}` };
    const records = `${url}/v1/topics/orders/partitions/0/records?offset=0`;
    expect((await fetch(records, { headers: asConsumer })).status).toBe(200);
    expect((await post(`${url}/v1/topics/orders/records`, { records: [{ value: 'x' }] }, asConsumer)).status).toBe(403);
    await fetch(`${url}/v1/keys/${key.id}`, { method: 'DELETE', headers: { authorization } });
    expect((await fetch(records, { headers: asConsumer })).status).toBe(401);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('lets no foreign page in without a key, and configured ones with CORS', async () => {
    const { url } = await start('--data', ':memory:', '--cors-origin', 'https://app.example.com');
    const from = (origin: string) => fetch(`${url}/v1/topics`, { headers: { origin } });
    expect((await from('https://evil.example.com')).status).toBe(403);
    const allowed = await from('https://app.example.com');
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
  });

  it('gives its data directory back when it cannot listen', async () => {
    const data = await temporaryDirectory();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const taken = { ...options('--data', data), port };
    const log = createLogger(systemClock, () => {});
    await expect(startServer(taken, { clock: systemClock, random: systemRandom, log })).rejects.toThrow('is in use');
    other.close();
    await expect(start('--data', data)).resolves.toBeDefined();
  });

  it('closes once, however often it is asked to', async () => {
    const server = await start('--data', ':memory:');
    await Promise.all([server.close(), server.close()]);
    await server.close();
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow('fetch failed');
  });
});
