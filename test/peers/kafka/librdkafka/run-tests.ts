/** Runs tests of librdkafka against gateways of this checkout, and reads what became of each. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { jarsMissing } from '../java/jars.ts';
import { LIBRARIES, TESTS } from './built-tree.ts';
import { type Cluster, type ClusterKind, clusterOf, startCluster } from './clusters.ts';
import type { Outcome, Protocol } from './expected.ts';
import { writeKafkaScripts } from './kafka-scripts.ts';

const KAFKA_VERSION = '4.2.0';

export interface Run {
  /** By name. What did not end, or was left out, is not in it. */
  outcomes: ReadonlyMap<string, Outcome>;
  /** Of those that failed, what they say themselves. */
  reasons: ReadonlyMap<string, string>;
  /** Whether all of it came to an end by itself. */
  ended: boolean;
  ms: number;
  output: string;
}

export interface RunOptions {
  protocol: Protocol;
  msMax: number;
  /** How many run at a time. */
  parallel?: number;
  /** With fewer records and rounds, as librdkafka's own `make quick`. */
  quick?: boolean;
}

export interface Librdkafka {
  /** All of them need the same kind of cluster, which is started for the first of them. */
  run(names: readonly string[], options: RunOptions): Promise<Run>;
  close(): Promise<void>;
}

/** `settings` are further lines of its tests' configuration. */
export function openLibrdkafka(settings: readonly string[] = []): Librdkafka {
  const home = mkdtempSync(join(tmpdir(), 'millrace-librdkafka-'));
  const removeWithProcess = () => rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeWithProcess);
  const kafka = jarsMissing === undefined ? { KAFKA_PATH: writeKafkaScripts(home) } : {};
  const clusters = new Map<ClusterKind, Promise<Cluster>>();
  const clusterFor = (test: string): Promise<Cluster> => {
    const kind = clusterOf(test);
    const cluster = clusters.get(kind) ?? startCluster(kind, home, settings);
    clusters.set(kind, cluster);
    return cluster;
  };
  return {
    run: async (names, options) => runTests(names, await clusterFor(names[0] ?? ''), options, kafka),
    close: async () => {
      for (const cluster of clusters.values()) await (await cluster).stop();
      process.removeListener('exit', removeWithProcess);
      removeWithProcess();
    },
  };
}

async function runTests(
  names: readonly string[],
  { bootstrap, scenario, config }: Cluster,
  { protocol, msMax, parallel = 1, quick = false }: RunOptions,
  kafka: { KAFKA_PATH?: string },
): Promise<Run> {
  const start = performance.now();
  const child = spawn('./test-runner', [`-p${parallel}`, '-L', ...(quick ? ['-Q'] : [])], {
    cwd: TESTS,
    env: {
      ...process.env,
      ...kafka,
      TEST_KAFKA_VERSION: KAFKA_VERSION,
      // Tests are chosen by their numbers.
      TESTS: names.map((name) => name.slice(0, 4)).join(','),
      TEST_SCENARIO: scenario,
      ...(protocol === 'consumer' && { TEST_CONSUMER_GROUP_PROTOCOL: protocol }),
      RDKAFKA_TEST_CONF: config,
      BROKERS: bootstrap,
      LD_LIBRARY_PATH: LIBRARIES,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: it starts scripts, which end with it.
    detached: true,
  });
  const end = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killGroup(child.pid);
  };
  process.once('exit', end);
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    end();
  }, msMax);
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  clearTimeout(deadline);
  process.removeListener('exit', end);
  const output = stripVTControlCharacters(Buffer.concat(chunks).toString());
  return {
    outcomes: outcomesIn(output),
    reasons: reasonsIn(output),
    ended: !late,
    ms: performance.now() - start,
    output,
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    // It has ended, and nobody has told yet.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const OUTCOMES = { PASSED: 'passed', SKIPPED: 'skipped itself', FAILED: 'failed' } as const;

/** A test that fails may end the whole program, without its summary. */
function outcomesIn(output: string): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  for (const { groups } of output.matchAll(/=+ Test (?<name>\w+) (?<outcome>PASSED|SKIPPED|FAILED) =+/g)) {
    const { name, outcome } = groups as { name: string; outcome: keyof typeof OUTCOMES };
    outcomes.set(name, OUTCOMES[outcome]);
  }
  for (const name of reasonsIn(output).keys()) outcomes.set(name, 'failed');
  return outcomes;
}

/** The first of each. */
function reasonsIn(output: string): Map<string, string> {
  const failures = output.matchAll(/^### Test "(?<name>\d{4}_\w+)(?: \((?<part>[^)]*))?.*\n(?<reason>.*)/gm);
  const all = Array.from(failures, ({ groups }) => groups as { name: string; part?: string; reason: string });
  const text = ({ part, reason }: { part?: string; reason: string }) => (part ? `${part}: ${reason}` : reason);
  return new Map(all.reverse().map((failure) => [failure.name, text(failure)]));
}
