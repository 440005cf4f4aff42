/** The local server as a process: what it prints, refuses, keeps and how it ends. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, LocalProcess, startLocal, temporaryDirectory } from '../support/local-process.ts';

afterEach(cleanUp);

const json = { 'content-type': 'application/json' };

function post(url: string, path: string, body: unknown): Promise<Response> {
  return fetch(url + path, { method: 'POST', headers: json, body: JSON.stringify(body) });
}

async function createTopic(url: string, name: string): Promise<void> {
  expect((await post(url, '/v1/topics', { name })).status).toBe(201);
}

async function produce(url: string, value: string): Promise<Response> {
  return post(url, '/v1/topics/orders/records', { records: [{ value }] });
}

async function values(url: string): Promise<string[]> {
  const response = await fetch(`${url}/v1/topics/orders/partitions/0/records?offset=earliest`);
  expect(response.status).toBe(200);
  const { records } = (await response.json()) as { records: { value: string }[] };
  return records.map(({ value }) => value);
}

describe('starting', () => {
  it('prints one line when it serves, and answers', async () => {
    const local = startLocal();
    const url = await local.url();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(local.stdout).toMatch(/^millrace listening http=\S+ kafka=127\.0\.0\.1:\d+\n$/);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(local.stderr).toBe('');
  });

  it('takes its settings from the environment', async () => {
    const data = await temporaryDirectory();
    const local = new LocalProcess([], { env: { PORT: '0', MILLRACE_DATA: data, MILLRACE_HOST: 'localhost' } });
    expect((await fetch(`${await local.url()}/healthz`)).status).toBe(200);
    expect(await local.stop()).toEqual({ code: 0, signal: null });
    expect((await readdir(data)).toSorted()).toEqual(['millrace.db', 'objects', 'secret']);
  });

  it('serves on IPv6', async () => {
    const url = await startLocal(['--data', ':memory:', '--host', '::1']).url();
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('prints help', async () => {
    const local = startLocal(['--help']);
    expect(await local.exit).toEqual({ code: 0, signal: null });
    expect(local.stdout).toContain('--api-key');
    expect(local.stderr).toBe('');
  });

  it('refuses what cannot be meant with one sentence and exit code 2', async () => {
    const local = startLocal(['--prot', '1']);
    expect(await local.exit).toEqual({ code: 2, signal: null });
    expect(local.stderr).toBe('millrace: there is no flag --prot; see --help\n');
    expect(local.stdout).toBe('');
  });

  it('says that its port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const local = new LocalProcess(['--data', ':memory:', '--port', String(port)]);
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toMatch(/^millrace: .*\n$/);
    expect(local.stderr).toContain(`port ${port} of 127.0.0.1 is in use`);
    other.close();
  });

  it.each([
    ['192.0.2.1', 'is not an address of this machine'],
    ['nowhere.invalid', 'there is no host nowhere.invalid'],
  ])('says that it cannot listen on %s', async (host, sentence) => {
    const local = startLocal(['--data', ':memory:', '--host', host, '--api-key', 'x']);
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toContain(sentence);
  });

  it('refuses a data directory that another process uses, and leaves it alone', async () => {
    const data = await temporaryDirectory();
    const first = startLocal(['--data', data]);
    const url = await first.url();
    const second = startLocal(['--data', data]);
    expect(await second.exit).toEqual({ code: 1, signal: null });
    expect(second.stderr).toMatch(/^millrace: .*in use by another process\.\n$/);
    await createTopic(url, 'orders');
  });

  it('refuses a data directory that cannot be one', async () => {
    const data = join(await temporaryDirectory(), 'file');
    await writeFile(data, 'text');
    const local = startLocal(['--data', data]);
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toMatch(/^millrace: Making the data directory .*\n$/);
  });

  it('makes the data directory with its parents, for its owner alone', async () => {
    const data = join(await temporaryDirectory(), 'a', 'b');
    await startLocal(['--data', data]).url();
    expect((await stat(data)).mode & 0o077).toBe(0);
    expect((await stat(join(data, '..'))).mode & 0o077).toBe(0);
  });

  it.runIf(process.platform === 'linux')('refuses a data directory where none can be made', async () => {
    const local = startLocal(['--data', '/proc/nope/data']);
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toMatch(/^millrace: Making the data directory \/proc\/nope\/data failed: .*\n$/);
  });

  it('refuses a data directory below a file', async () => {
    const file = join(await temporaryDirectory(), 'file');
    await writeFile(file, 'text');
    const local = startLocal(['--data', join(file, 'data')]);
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toMatch(/^millrace: Making the data directory .*\n$/);
  });

  it('refuses a secret file that is damaged', async () => {
    const data = await temporaryDirectory();
    await writeFile(join(data, 'secret'), 'short');
    const local = startLocal(['--data', data]);
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toContain('does not hold 32 bytes');
  });

  it('warns of API keys that can be guessed, without showing them', async () => {
    const local = startLocal(['--data', ':memory:', '--api-key', 'ops:pa55word']);
    const url = await local.url();
    expect((await fetch(`${url}/v1/topics`)).status).toBe(401);
    const authorized = await fetch(`${url}/v1/topics`, { headers: { authorization: 'Bearer pa55word' } });
    expect(authorized.status).toBe(200);
    expect(JSON.parse(local.stderr)).toMatchObject({ level: 'warn', ids: ['ops'] });
    expect(local.stderr).not.toContain('pa55word');
  });
});

describe('storage on AWS', () => {
  const stores = { MILLRACE_TABLE: 'table', MILLRACE_BUCKET: 'bucket' };
  const credentials = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
  // A port that nobody listens on: far enough to see that the region was found.
  const nowhere = { ...credentials, AWS_ENDPOINT_URL: 'http://127.0.0.1:9', AWS_MAX_ATTEMPTS: '1' };

  async function refusal(env: Record<string, string>): Promise<{ code: number | null; sentence: string }> {
    const none = join(await temporaryDirectory(), 'none');
    const files = { AWS_CONFIG_FILE: none, AWS_SHARED_CREDENTIALS_FILE: none };
    const local = startLocal([], { env: { ...stores, ...nowhere, ...files, ...env } });
    const { code } = await local.exit;
    return { code, sentence: local.stderr };
  }

  it('is refused without a region, with a sentence', async () => {
    expect(await refusal({})).toEqual({
      code: 2,
      sentence:
        'millrace: AWS_REGION is not set, and no AWS configuration file names a region: DynamoDB and S3 need one\n',
    });
  });

  it('is refused with a region that is none, with a sentence', async () => {
    const { code, sentence } = await refusal({ AWS_REGION: 'not a region' });
    expect(code).toBe(2);
    expect(sentence).toMatch(/^millrace: the AWS region cannot be used: .*not a region.*\n$/);
  });

  it("takes the region from the SDK's variable or configuration file", async () => {
    const config = join(await temporaryDirectory(), 'config');
    await writeFile(config, '[default]\nregion = eu-central-1\n');
    const sources: [string, string][] = [
      ['AWS_REGION', 'eu-central-1'],
      ['AWS_CONFIG_FILE', config],
    ];
    for (const [name, value] of sources) {
      const { code, sentence } = await refusal({ [name]: value });
      expect(sentence).toMatch(/^millrace: The table table cannot be used\. /);
      expect(code).toBe(1);
    }
  });
});

describe('an older Node', () => {
  const repository = fileURLToPath(new URL('../..', import.meta.url));
  const sentence = 'is too old: Millrace needs Node 24 or newer\n';

  it.each(['lib/local/start.js', 'lib/local/main.ts'])('is refused with a sentence by %s', async (entry) => {
    const versions = "{ value: { ...process.versions, node: '20.20.2' } }";
    const pretend = `data:text/javascript,Object.defineProperty(process, 'versions', ${versions})`;
    const command = [process.execPath, '--import', pretend, join(repository, entry)];
    const local = new LocalProcess([], { command });
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toBe(`millrace: Node 20.20.2 ${sentence}`);
    expect(local.stdout).toBe('');
  });

  const older = olderNode();

  it.runIf(older)('is refused by itself, where this machine has one', async () => {
    const local = new LocalProcess([], { command: [older as string, join(repository, 'lib/local/start.js')] });
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toMatch(new RegExp(`^millrace: Node \\S+ ${sentence}$`));
  });

  function olderNode(): string | undefined {
    return (process.env.PATH ?? '')
      .split(':')
      .map((directory) => join(directory, 'node'))
      .find((path) => {
        try {
          return Number.parseInt(execFileSync(path, ['--version'], { encoding: 'utf8' }).slice(1), 10) < 24;
        } catch {
          return false;
        }
      });
  }
});

describe('the data directory', () => {
  it('keeps topics and records over a restart, and over a kill', async () => {
    const data = await temporaryDirectory();
    const first = startLocal(['--data', data]);
    const firstUrl = await first.url();
    await createTopic(firstUrl, 'orders');
    expect((await produce(firstUrl, 'a')).status).toBe(200);
    expect(await first.stop()).toEqual({ code: 0, signal: null });

    const second = startLocal(['--data', data]);
    const secondUrl = await second.url();
    expect(await values(secondUrl)).toEqual(['a']);
    expect((await produce(secondUrl, 'b')).status).toBe(200);
    await second.stop('SIGKILL');

    const third = startLocal(['--data', data]);
    expect(await values(await third.url())).toEqual(['a', 'b']);
  });

  it('keeps the secret that signs URLs, readable by its owner alone', async () => {
    const data = await temporaryDirectory();
    const path = join(data, 'secret');
    const first = startLocal(['--data', data]);
    await first.url();
    const secret = await readFile(path);
    expect(secret).toHaveLength(32);
    expect((await stat(path)).mode & 0o077).toBe(0);
    await first.stop();
    const second = startLocal(['--data', data]);
    await second.url();
    expect(await readFile(path)).toEqual(secret);
  });
});

describe('stopping', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('exits with 0 on %s and says so in the log only', async (signal) => {
    const local = startLocal();
    await fetch(`${await local.url()}/healthz`);
    expect(await local.stop(signal)).toEqual({ code: 0, signal: null });
    expect(local.stdout.split('\n')).toHaveLength(2);
    expect(JSON.parse(local.stderr)).toMatchObject({ level: 'info', message: 'stopping', signal });
  });

  it('drains also under npm, which passes the signal on', async () => {
    const local = startLocal(['--data', ':memory:'], { command: ['npm', 'start', '--'] });
    const url = await local.url();
    expect(await local.stop()).toEqual({ code: 0, signal: null });
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('answers a long poll that waits', async () => {
    const local = startLocal();
    const url = await local.url();
    await createTopic(url, 'orders');
    const poll = fetch(`${url}/v1/topics/orders/partitions/0/records?offset=latest&wait_ms=20000`);
    // The poll is on its way or waiting: both must be answered, not cut off.
    await fetch(`${url}/healthz`);
    const exit = local.stop();
    const response = await poll;
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ records: [], next_offset: 0 });
    expect(await exit).toEqual({ code: 0, signal: null });
  });

  it('finishes a request whose body is still coming, and takes no new connection', async () => {
    const local = startLocal();
    const url = await local.url();
    await createTopic(url, 'orders');
    const { port } = new URL(url);
    const body = JSON.stringify({ records: [{ value: 'late' }] });
    const socket = connect(Number(port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.write(
      `POST /v1/topics/orders/records HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
    );
    await fetch(`${url}/healthz`);
    local.child.kill('SIGTERM');
    await once(local.child.stderr as NodeJS.ReadableStream, 'data');
    await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
    socket.write(body.slice(10));
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('"offset":0');
    expect(await local.exit).toEqual({ code: 0, signal: null });
  });

  it('does not wait for connections that say nothing', async () => {
    const local = startLocal();
    const { port } = new URL(await local.url());
    const silent = connect(Number(port), '127.0.0.1');
    await once(silent, 'connect');
    const idle = await fetch(`http://127.0.0.1:${port}/healthz`);
    await idle.text();
    const begun = performance.now();
    expect(await local.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - begun).toBeLessThan(5_000);
    silent.destroy();
  });

  it('keeps what was accepted without an answer to wait for', async () => {
    const data = await temporaryDirectory();
    const first = startLocal(['--data', data]);
    const url = await first.url();
    await createTopic(url, 'orders');
    const accepted = await post(url, '/v1/topics/orders/records', { records: [{ value: 'kept' }], acks: 'none' });
    expect(accepted.status).toBe(202);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    expect(await values(await startLocal(['--data', data]).url())).toEqual(['kept']);
  });

  it('exits at once on a second signal', async () => {
    const local = startLocal();
    const { port } = new URL(await local.url());
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    // A request that never ends keeps the server draining.
    socket.write(`POST /v1/topics HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 100\r\n\r\n{`);
    await fetch(`http://127.0.0.1:${port}/healthz`);
    local.child.kill('SIGTERM');
    await once(local.child.stderr as NodeJS.ReadableStream, 'data');
    expect(await local.stop('SIGINT')).toEqual({ code: 130, signal: null });
    socket.destroy();
  });
});
