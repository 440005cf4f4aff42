/**
 * Two servers of Kafka's protocol next to each other under the same Java tools: Millrace's local server, and another.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaTestClient } from '../../test/kafka/support/kafka-test-client.ts';
import { jarsMissing } from '../../test/peers/kafka/java/jars.ts';
import { startKafkaBroker } from '../../test/peers/kafka/java/kafka-broker.ts';
import { startGatewayProcess } from '../../test/peers/support/gateway-process.ts';
import { freePort } from '../../test/peers/support/peer.ts';
import { S3_CREDENTIALS } from '../../test/peers/support/s3-server.ts';
import type { AwsStorage } from '../../test/peers/support/serving-process.ts';
import type { PartContext } from '../part.ts';
import { type MillraceOptions, startMillrace } from '../processes/millrace.ts';

export interface Side {
  name: string;
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/** Why nothing of Kafka's can be run here; `undefined` where it can. */
export function javaMissing(): string | undefined {
  if (process.platform !== 'linux') return 'processes are measured by /proc, which only Linux has';
  if (spawnSync('java', ['-version']).error !== undefined)
    return 'there is no Java here; it takes a JDK of 17 or newer';
  return jarsMissing;
}

export async function startGateway(
  context: PartContext,
  stores: Pick<MillraceOptions, 'inMemory'> = {},
): Promise<Side> {
  const kafkaPort = await freePort();
  const server = await startMillrace(context, { kafkaPort, ...stores });
  return { name: 'Millrace', port: kafkaPort, pid: server.pid, stop: () => server.stop() };
}

/** The gateway alone, as its container runs it. */
export async function startGatewayOn(storage: AwsStorage): Promise<Side> {
  const { port, pid, stop } = await startGatewayProcess({ storage, port: await freePort() });
  return { name: 'Millrace', port, pid, stop: async () => void (await stop()) };
}

/** One broker, one replica, and the defaults of its start script and of the configuration that it ships. */
export async function startApacheKafka(context: PartContext): Promise<Side> {
  const port = await freePort();
  const broker = await startKafkaBroker(port, join(context.directory, 'kafka'));
  return { name: 'Apache Kafka', port, pid: broker.pid, stop: () => broker.close() };
}

/** Where the peer's program is; nothing fetches it. */
const NISSHI = process.env['NISSHI_BIN'];

/** Why the peer cannot be run here; `undefined` where it can. */
export function nisshiMissing(): string | undefined {
  return NISSHI === undefined ? 'NISSHI_BIN names no program (see docs/bench.md)' : javaMissing();
}

/**
 * Nisshi, once Tansu: a broker without state over an object store. That is its own in memory, unless told otherwise: no
 * disk and no network is in its way then.
 */
export async function startNisshi(s3?: Pick<AwsStorage, 'bucket' | 's3Endpoint'>): Promise<Side> {
  const port = await freePort();
  const url = `tcp://127.0.0.1:${port}`;
  const args = ['broker', '--listener-url', url, '--advertised-listener-url', url];
  const engine = s3 === undefined ? 'memory://nisshi/' : `s3://${s3.bucket}/`;
  const child = spawn(NISSHI ?? 'nisshi', [...args, '--storage-engine', engine], {
    stdio: 'ignore',
    env: {
      ...process.env,
      ...(s3 !== undefined && {
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: S3_CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: S3_CREDENTIALS.secretAccessKey,
        AWS_ENDPOINT: s3.s3Endpoint,
        AWS_ALLOW_HTTP: 'true',
      }),
    },
  });
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  await untilItAnswers(port);
  return {
    name: 'Nisshi',
    port,
    pid: child.pid as number,
    stop: async () => {
      process.removeListener('exit', killWithParent);
      killWithParent();
      await ended;
    },
  };
}

const START_MS_MAX = 30_000;
const START_LOOK_MS = 100;

async function untilItAnswers(port: number): Promise<void> {
  for (const deadlineMs = Date.now() + START_MS_MAX; ; await sleep(START_LOOK_MS)) {
    try {
      const client = await KafkaTestClient.open(port);
      client.destroy();
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
    }
  }
}

/** Throws where the topic cannot be written to in time. */
export async function createTopic({ port, name: side }: Side, name: string, partitions: number): Promise<void> {
  const client = await KafkaTestClient.open(port);
  try {
    const topic = { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] };
    const { topics } = await client.request('CreateTopics', CREATE_VERSION, { topics: [topic], timeoutMs: 30_000 });
    const code = topics[0]?.errorCode;
    if (code !== 0) throw new Error(`${side}: creating ${name} was answered with the error ${code}`);
  } finally {
    client.destroy();
  }
}

/** One that all have. */
const CREATE_VERSION = 5;
