/** Apache Kafka itself, from its published jars: one process that is broker and controller, with its defaults. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/peer.ts';
import { JavaProcess, runJava } from './jvm.ts';
import { writeProperties } from './properties.ts';

/** As Kafka's own start script has them. */
const JVM_OPTIONS = ['-Xms1g', '-Xmx1g', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'].concat([
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
]);
/** Any; it must be Kafka's form of a UUID. */
const CLUSTER_ID = 'bWlsbHJhY2UtcGVlcnMtMA';
const START_MS_MAX = 120_000;

export interface KafkaBroker {
  bootstrap: string;
  pid: number;
  close(): Promise<void>;
}

/** Formats and starts a broker, whose files are in this directory. */
export async function startKafkaBroker(port: number, directory: string): Promise<KafkaBroker> {
  mkdirSync(directory, { recursive: true });
  const properties = { ...serverProperties(port, await freePort()), 'log.dirs': join(directory, 'logs') };
  const file = writeProperties(directory, 'server', properties);
  await runJava({ main: 'kafka.tools.StorageTool', args: ['format', '--standalone', '-t', CLUSTER_ID, '-c', file] });
  const broker = new JavaProcess({ main: 'kafka.Kafka', args: [file], options: JVM_OPTIONS });
  const started = () => broker.log.some((line) => line.includes('Kafka Server started'));
  await broker.until('it could be used', started, START_MS_MAX);
  return { bootstrap: `127.0.0.1:${port}`, pid: broker.pid, close: async () => void (await broker.stop()) };
}

/** One replica of everything, and a controller beside the broker; all else is as Kafka has it unless told. */
function serverProperties(port: number, controllerPort: number): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // As the configuration that Kafka ships has it; a first consumer need not wait for others.
    'group.initial.rebalance.delay.ms': '0',
  };
}
