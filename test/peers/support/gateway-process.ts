/** The Kafka gateway as a process of its own, as its container runs it, on DynamoDB Local and an S3 server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AwsStorage } from './local-server.ts';
import { S3_CREDENTIALS } from './s3-server.ts';

const ENTRY = join(import.meta.dirname, '../../../container/gateway.ts');

export interface GatewayProcess {
  readonly port: number;
  readonly pid: number;
  /** What it has logged. */
  readonly log: readonly string[];
  /** Ends it with SIGTERM and resolves with its exit code. */
  stop(): Promise<number | null>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

export interface GatewayProcessOptions {
  storage: AwsStorage;
  port: number;
  args?: readonly string[];
}

export async function startGatewayProcess({
  storage,
  port,
  args = [],
}: GatewayProcessOptions): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [ENTRY, '--kafka-port', String(port), ...args], {
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
  const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
  const first = await Promise.race([line, exited.then(() => undefined)]);
  if (first === undefined) throw new Error(`the gateway did not start:\n${log.join('\n')}`);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const [code] = await exited;
    process.removeListener('exit', killWithParent);
    return code;
  };
  return {
    port: Number(/kafka=\S+:([0-9]+)/.exec(first[0])?.[1]),
    pid: child.pid as number,
    log,
    stop: () => end('SIGTERM'),
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) await end('SIGKILL');
    },
  };
}
