/**
 * Kafka's own performance tools against one side, as their scripts start them, and what the side's process used
 * meanwhile.
 */
import { runJava } from '../../test/peers/kafka/java/jvm.ts';
import { cpuSeconds } from '../processes/process-figures.ts';
import type { Side } from './sides.ts';

/** As `kafka-producer-perf-test.sh` has them. */
const JVM_OPTIONS = ['-Xmx512M', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'].concat([
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
]);
const RUN_MS_MAX = 300_000;
const MIB = 1024 * 1024;

export interface Throughput {
  bytesPerSecond: number;
  /** Of the producer: from `send` to the acknowledgement. */
  latencyMs50?: number;
  latencyMs99?: number;
  /** User and system time of all the server's threads, for each MB. */
  serverCpuMsPerMegabyte: number;
}

export interface Load {
  topic: string;
  records: number;
}

/**
 * Records of 1 KiB as fast as they are taken, the producer's defaults; what comes before the tool's steady state is not
 * counted.
 */
export async function producerPerformance(side: Side, { topic, records }: Load, warmUp: number): Promise<Throughput> {
  const { output, cpuMs } = await run(side, 'org.apache.kafka.tools.ProducerPerformance', {
    topic,
    throughput: -1,
    'num-records': records,
    'warmup-records': warmUp,
    'record-size': RECORD_BYTES,
    'command-property': 'acks=all',
  });
  const steady = lastMatch(output, STEADY);
  return {
    bytesPerSecond: Number(steady[1]) * RECORD_BYTES,
    latencyMs50: Number(steady[2]),
    latencyMs99: Number(steady[3]),
    serverCpuMsPerMegabyte: cpuMs / ((records * RECORD_BYTES) / 1e6),
  };
}

export const RECORD_BYTES = 1_024;
const STEADY = /([\d.]+) records\/sec \([\d.]+ MB\/sec\).* (\d+) ms 50th, \d+ ms 95th, (\d+) ms 99th/g;

/** All of a topic, by a group of one member; the time in which it joins is not counted. */
export async function consumerPerformance(side: Side, { topic, records }: Load): Promise<Throughput> {
  const { output, cpuMs } = await run(side, 'org.apache.kafka.tools.ConsumerPerformance', {
    topic,
    'num-records': records,
    timeout: 60_000,
  });
  const columns = output.trim().split('\n').at(-1)?.split(', ') ?? [];
  const [megabytes, mebibytesPerSecond] = [Number(columns[2]) * (MIB / 1e6), Number(columns[8])];
  if (!(mebibytesPerSecond > 0)) throw new Error(`${side.name}: the consumer's tool said ${output}`);
  return { bytesPerSecond: mebibytesPerSecond * MIB, serverCpuMsPerMegabyte: cpuMs / megabytes };
}

async function run(
  side: Side,
  main: string,
  flags: Record<string, string | number>,
): Promise<{ output: string; cpuMs: number }> {
  const all: Record<string, string | number> = { 'bootstrap-server': `127.0.0.1:${side.port}`, ...flags };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const before = cpuSeconds(side.pid);
  const { stdout } = await runJava({ main, args, options: JVM_OPTIONS, msMax: RUN_MS_MAX });
  return { output: stdout, cpuMs: (cpuSeconds(side.pid) - before) * 1e3 };
}

function lastMatch(text: string, pattern: RegExp): RegExpExecArray {
  const match = [...text.matchAll(pattern)].at(-1);
  if (match === undefined) throw new Error(`the producer's tool said ${text}`);
  return match;
}
