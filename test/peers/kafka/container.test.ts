/**
 * The gateway's container, as far as it goes without Docker: its build file carried out in a directory, and what it
 * says to run started as the user that it names, on a root that cannot be written, as one task of the stack's service
 * behind its load balancer.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { makeImageDirectory } from '../../../lib/infra/kafka-gateway-image.ts';
import { type BuiltImage, carryOutBuildFile } from '../../support/build-file.ts';
import { certificate, certificatePath } from '../../support/certificates.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { describeWithOptionalPeer, describeWithPeer, freePort } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { S3_CREDENTIALS, s3ServerMissing } from '../support/s3-server.ts';

const BROKERS = 3;
const SECRET = 'a-secret-of-more-than-32-characters';
const KCAT = ['/usr/bin/kcat', '/usr/local/bin/kcat', '/opt/homebrew/bin/kcat'].find((path) => existsSync(path));

interface Task {
  /** The line that says that it serves; absent where it ended before. */
  serves: Promise<string | undefined>;
  ended: Promise<number | null>;
  log: string[];
  stop(): Promise<number | null>;
}

describeWithPeer(dynamoDbLocalMissing() ?? s3ServerMissing())('the container of the gateway', () => {
  const directories: string[] = [];
  const tasks: Task[] = [];
  let image: BuiltImage;
  let dynamo: Dynamo;
  let s3: S3;

  beforeAll(async () => {
    const [context, root] = ['millrace-image-', 'millrace-root-'].map((name) => {
      const directory = mkdtempSync(join(tmpdir(), name));
      directories.push(directory);
      return directory;
    }) as [string, string];
    makeImageDirectory(join(import.meta.dirname, '../../../container'), context);
    image = carryOutBuildFile(context, root);
    [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
  });

  afterEach(async () => {
    for (const task of tasks.splice(0)) await task.stop();
  });

  afterAll(async () => {
    await dynamo?.close();
    await s3?.close();
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  });

  /** What the stack tells a task, of stores of its own. */
  async function surroundings(): Promise<Record<string, string>> {
    const port = await freePort();
    return {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: S3_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: S3_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      MILLRACE_TABLE: await dynamo.makeTable(),
      MILLRACE_BUCKET: await s3.makeBucket(),
      MILLRACE_API_KEY: SECRET,
      MILLRACE_KAFKA_BROKERS: String(BROKERS),
      MILLRACE_KAFKA_ONE_PORT: 'true',
      MILLRACE_KAFKA_ADVERTISED: `127.0.0.1:${port}`,
      MILLRACE_KAFKA_REPORT_MS: '60000',
      KAFKA_PORT: String(port),
    };
  }

  /** As root it becomes the image's user; otherwise it stays who it is. */
  function run(env: Record<string, string>): Task {
    const child = spawn(process.execPath, image.command, {
      cwd: image.workingDirectory,
      env: { ...image.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(process.getuid?.() === 0 && image.user),
    });
    const log: string[] = [];
    createInterface(child.stderr).on('line', (line) => log.push(line));
    const ended = once(child, 'close').then(([code]) => code as number | null);
    const line = once(createInterface(child.stdout), 'line').then(([first]) => first as string);
    const stop = () => {
      if (child.exitCode === null) child.kill('SIGTERM');
      return ended;
    };
    const task = { serves: Promise.race([line, ended.then(() => undefined)]), ended, log, stop };
    tasks.push(task);
    return task;
  }

  it('can be connected to as the load balancer checks it, which its log has nothing of, and ends with 0', async () => {
    const env = await surroundings();
    const task = run(env);
    expect(await task.serves, task.log.join('\n')).toBe(`millrace listening kafka=0.0.0.0:${env['KAFKA_PORT']}`);
    const before = task.log.length;
    for (let check = 0; check < 5; check++) {
      const socket = connect(Number(env['KAFKA_PORT']), '127.0.0.1');
      await once(socket, 'connect');
      socket.end();
      await once(socket, 'close');
    }
    expect(task.log.slice(before)).toEqual([]);
    expect(await task.stop()).toBe(0);
  });

  describeWithOptionalPeer(KCAT === undefined ? 'kcat is not installed' : undefined)('with kcat', () => {
    it('takes records and gives them to another task, whoever of both is gone by then', {
      timeout: 60_000,
    }, async () => {
      const port = await freePort();
      const listeners = await balance(BROKERS, port);
      const bootstrap = `127.0.0.1:${(listeners[0]?.address() as AddressInfo | undefined)?.port}`;
      const env = {
        ...(await surroundings()),
        KAFKA_PORT: String(port),
        MILLRACE_KAFKA_ADVERTISED: bootstrap,
      };
      const records = Array.from({ length: 100 }, (_, index) => `record ${index}`).join('\n');
      const first = run(env);
      expect(await first.serves, first.log.join('\n')).toBeDefined();
      await kcat(bootstrap, ['-P', '-t', 'orders'], `${records}\n`);
      expect(await first.stop()).toBe(0);
      expect(first.log.join('\n')).toMatch(/"kafka":\{"connections":[01],/);
      const second = run(env);
      expect(await second.serves, second.log.join('\n')).toBeDefined();
      expect(await kcat(bootstrap, ['-C', '-t', 'orders', '-o', 'beginning', '-e', '-q'])).toBe(`${records}\n`);
      expect(await second.stop()).toBe(0);
      for (const listener of listeners) listener.close();
    });
  });

  it.each<[what: string, change: Record<string, string>, code: number, sentence: string]>([
    ['no key', { MILLRACE_API_KEY: '' }, 2, 'MILLRACE_API_KEY'],
    ['no bucket', { MILLRACE_BUCKET: '' }, 2, 'MILLRACE_TABLE is set and MILLRACE_BUCKET is not'],
    ['no region', { AWS_REGION: '' }, 2, 'AWS_REGION is not set'],
    ['a number that is none', { MILLRACE_KAFKA_BROKERS: 'three' }, 2, 'MILLRACE_KAFKA_BROKERS is "three"'],
    [
      'an address to listen on for one to connect to',
      { MILLRACE_KAFKA_ADVERTISED: '0.0.0.0:9092' },
      2,
      'not an address',
    ],
    ['brokers behind one port without addresses', { MILLRACE_KAFKA_ADVERTISED: '' }, 2, 'needs --kafka-advertised'],
    ['a table that is not there', { MILLRACE_TABLE: 'elsewhere' }, 1, 'The table elsewhere cannot be used'],
    ['a bucket that is not there', { MILLRACE_BUCKET: 'elsewhere' }, 1, 'The bucket elsewhere cannot be used'],
  ])('says so in a sentence where it is given %s', async (_what, change, code, sentence) => {
    const task = run({ ...(await surroundings()), ...change });
    expect(await task.ended).toBe(code);
    expect(task.log).toEqual([expect.stringContaining(sentence)]);
  });
});

/** The load balancer: TLS on ports next to each other, all of which lead to the task. */
async function balance(ports: number, taskPort: number): Promise<Server[]> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const first = await freePort();
    const listeners: Server[] = [];
    try {
      for (let port = first; port < first + ports; port++) {
        const listener = createServer(certificate('server'), (client) => {
          const task = connect(taskPort, '127.0.0.1');
          client.pipe(task).pipe(client);
          client.on('error', () => task.destroy());
          task.on('error', () => client.destroy());
        });
        listener.listen(port, '127.0.0.1');
        await once(listener, 'listening');
        listeners.push(listener);
      }
      return listeners;
    } catch {
      // Another program has one of the ports.
      for (const listener of listeners) listener.close();
    }
  }
  throw new Error(`there are no ${ports} free ports next to each other`);
}

/** What it prints. */
async function kcat(bootstrap: string, args: readonly string[], input = ''): Promise<string> {
  const settings = {
    'security.protocol': 'SASL_SSL',
    'ssl.ca.location': certificatePath('authority', 'crt'),
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.username': 'admin',
    'sasl.password': SECRET,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
  const child = spawn(KCAT as string, ['-b', bootstrap, ...flags, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 25_000,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);
  return output;
}
