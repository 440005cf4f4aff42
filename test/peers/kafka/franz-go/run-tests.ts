/**
 * Runs tests of franz-go against two gateways of this checkout, one of them with SASL, and reads what became of each.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KafkaTestClient } from '../../../kafka/support/kafka-test-client.ts';
import { type GatewayProcess, startGateway } from '../java/gateway.ts';
import { BINARY } from './binary.ts';
import { raiseDeliveryLimits } from './delivery-limits.ts';

const SERVER_FLAGS = ['--kafka-brokers', '3', '--num-partitions', '4'];
const CREDENTIALS = 'testuser:a-password-that-nobody-guesses';
/** Tests at a time; by default it is one for each processor, and most of them wait. */
const PARALLEL = 8;
/** Two tests want a topic that Kafka has and marks internal; here a topic of that name is made by hand. */
const INTERNAL_TOPIC = '__consumer_offsets';

export type Outcome = 'PASS' | 'FAIL' | 'SKIP';

export interface Run {
  /** By name, `Test/subtest` as well. What did not end is not in it. */
  outcomes: ReadonlyMap<string, Outcome>;
  ms: number;
  output: string;
}

export interface FranzGo {
  run(tests: readonly string[], options: { records: number; msMax: number }): Promise<Run>;
  close(): Promise<void>;
}

export async function startFranzGo(): Promise<FranzGo> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-franz-go-'));
  const removeWithProcess = () => rmSync(data, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeWithProcess);
  const log = openSync(join(data, 'server.log'), 'w');
  const open = await startGateway(join(data, 'open'), SERVER_FLAGS, log);
  const closed = await startGateway(join(data, 'closed'), ['--api-key', CREDENTIALS], log);
  closeSync(log);
  await createInternalTopic(open);
  const limits = await raiseDeliveryLimits(portOf(open));
  const environment = {
    ...process.env,
    KGO_SEEDS: open.bootstrap,
    KGO_TEST_RF: '1',
    KGO_TEST_SCRAM_SEEDS: closed.bootstrap,
    KGO_TEST_SCRAM: CREDENTIALS,
    KGO_LOG_LEVEL: 'none',
  };
  return {
    run: (tests, { records, msMax }) => {
      const args = ['-test.v', `-test.parallel=${PARALLEL}`, `-test.run=^(${tests.join('|')})$`];
      return runBinary(args, { ...environment, KGO_TEST_RECORDS: String(records) }, msMax);
    },
    close: async () => {
      await limits.close();
      await Promise.all([open.stop(), closed.stop()]);
      process.removeListener('exit', removeWithProcess);
      removeWithProcess();
    },
  };
}

function portOf({ bootstrap }: GatewayProcess): number {
  return Number(bootstrap.split(':')[1]);
}

async function createInternalTopic(gateway: GatewayProcess): Promise<void> {
  const client = await KafkaTestClient.open(portOf(gateway));
  const topic = { name: INTERNAL_TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.request('CreateTopics', 5, {
    topics: [topic],
    timeoutMs: 10_000,
    validateOnly: false,
  });
  client.destroy();
  if (topics[0]?.errorCode !== 0) throw new Error(`${INTERNAL_TOPIC} was not created: ${topics[0]?.errorMessage}`);
}

async function runBinary(args: readonly string[], env: NodeJS.ProcessEnv, msMax: number): Promise<Run> {
  const start = performance.now();
  const child = spawn(BINARY, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: msMax, killSignal: 'SIGKILL' });
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  process.removeListener('exit', killWithParent);
  const output = Buffer.concat(chunks).toString();
  return { outcomes: outcomesIn(output), ms: performance.now() - start, output };
}

function outcomesIn(output: string): Map<string, Outcome> {
  const lines = output.matchAll(/^ *--- (?<outcome>PASS|FAIL|SKIP): (?<name>\S+)/gm);
  return new Map([...lines].map(({ groups }) => [groups?.['name'] as string, groups?.['outcome'] as Outcome]));
}
