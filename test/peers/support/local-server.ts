/** The local server as a process of its own, on DynamoDB Local and an S3 server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { S3_CREDENTIALS } from './s3-server.ts';

const MAIN = join(import.meta.dirname, '../../../lib/local/main.ts');

export interface LocalServer {
  readonly url: string;
  readonly pid: number;
  /** Ends it with SIGTERM and resolves with its exit code. */
  stop(): Promise<number | null>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

export interface AwsStorage {
  table: string;
  bucket: string;
  dynamoEndpoint: string;
  s3Endpoint: string;
}

export async function startLocalServer(storage: AwsStorage, args: readonly string[] = []): Promise<LocalServer> {
  const child = spawn(process.execPath, [MAIN, '--port', '0', ...args], {
    env: {
      PATH: process.env['PATH'],
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: S3_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: S3_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL_DYNAMODB: storage.dynamoEndpoint,
      AWS_ENDPOINT_URL_S3: storage.s3Endpoint,
      MILLRACE_TABLE: storage.table,
      MILLRACE_BUCKET: storage.bucket,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
  const first = await Promise.race([line, exited.then(() => undefined)]);
  const url = /http=(\S+)/.exec(first?.[0] ?? '')?.[1];
  if (url === undefined) throw new Error(`the local server did not start:\n${errors.join('')}`);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const [code] = await exited;
    process.removeListener('exit', killWithParent);
    return code;
  };
  return {
    url,
    pid: child.pid as number,
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
    },
  };
}
