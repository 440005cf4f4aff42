/** A program of Millrace's that serves, as a process of its own, on DynamoDB Local and an S3 server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { S3_CREDENTIALS } from './s3-server.ts';

export interface AwsStorage {
  table: string;
  bucket: string;
  dynamoEndpoint: string;
  s3Endpoint: string;
}

export interface ServingProcess {
  /** The line by which it says that it serves. */
  readonly line: string;
  readonly pid: number;
  /** What it has logged. */
  readonly log: readonly string[];
  /** Ends it with SIGTERM and resolves with its exit code. */
  stop(): Promise<number | null>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

/** Rejects with what it has logged where it ends before it serves. */
export async function startServing(
  program: string,
  { storage, args }: { storage: AwsStorage; args: readonly string[] },
): Promise<ServingProcess> {
  const child = spawn(process.execPath, [program, ...args], {
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
  const log: string[] = [];
  createInterface(child.stderr).on('line', (line) => log.push(line));
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const said = once(createInterface(child.stdout), 'line') as Promise<[string]>;
  const first = await Promise.race([said, exited.then(() => undefined)]);
  if (first === undefined) throw new Error(`${program} did not start:\n${log.join('\n')}`);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const [code] = await exited;
    process.removeListener('exit', killWithParent);
    return code;
  };
  return {
    line: first[0],
    pid: child.pid as number,
    log,
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
    },
  };
}
