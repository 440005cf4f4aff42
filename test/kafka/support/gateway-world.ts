/** A gateway on free ports of loopback, over a broker with embedded stores in memory. All of it ends with the test. */
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import { type Broker, createBroker } from '../../../lib/broker/broker.ts';
import { clusterId } from '../../../lib/broker/cluster-id.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { Cluster, type VirtualBroker } from '../../../lib/kafka/cluster.ts';
import { Gateway, type GatewayOptions } from '../../../lib/kafka/gateway.ts';
import { TopicNames } from '../../../lib/kafka/topics/topic-names.ts';
import { type Clock, systemClock } from '../../../lib/kernel/clock.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { KafkaTestClient } from './kafka-test-client.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

export interface GatewayWorldOptions extends Partial<Omit<GatewayOptions, 'cluster' | 'topicNames' | 'log'>> {
  /** Virtual brokers; one. Node ids count from 1. */
  brokers?: number;
  /** Of the nodes, in their order. */
  racks?: readonly string[];
}

export interface GatewayWorld {
  broker: Broker;
  gateway: Gateway;
  cluster: Cluster;
  /** Of the first virtual broker. */
  port: number;
  /** What the gateway logged. */
  logged: { level: 'info' | 'error'; message: string; facts: Record<string, unknown> | undefined }[];
  /** A client in the clear, connected to a virtual broker: the first, unless told otherwise. */
  connect: (port?: number) => Promise<KafkaTestClient>;
}

export async function gatewayWorld(options: GatewayWorldOptions = {}): Promise<GatewayWorld> {
  const { brokers = 1, racks = [], clock = systemClock, broker = memoryBroker(clock), ...rest } = options;
  const nodes: VirtualBroker[] = Array.from({ length: brokers }, (_, index) => ({
    nodeId: index + 1,
    host: '127.0.0.1',
    port: 0,
    rack: racks[index] ?? null,
  }));
  const cluster = new Cluster(await clusterId(broker), nodes);
  const logged: GatewayWorld['logged'] = [];
  const note = (level: 'info' | 'error') => (message: string, facts?: Record<string, unknown>) => {
    logged.push({ level, message, facts });
  };
  const gateway = new Gateway({
    broker,
    clock,
    log: { info: note('info'), error: note('error') },
    cluster,
    topicNames: new TopicNames(broker),
    autoCreate: { enabled: true, partitions: 1 },
    ...rest,
  });
  for (const node of nodes) node.port = await listening(gateway, node);
  closers.push(async () => {
    gateway.destroyConnections();
    await gateway.close();
  });
  const port = nodes[0]?.port as number;
  const connect = async (to = port) => {
    const client = await KafkaTestClient.open(to);
    closers.push(async () => client.destroy());
    return client;
  };
  return { broker, gateway, cluster, port, logged, connect };
}

/** A broker over embedded stores of its own. For several gateways over one broker, or several clocks: make it first. */
export function memoryBroker(clock: Clock = systemClock, { cacheBytes }: { cacheBytes?: number } = {}): Broker {
  const metadata = openSqliteMetadataStore({ path: ':memory:' });
  closers.push(() => metadata.close());
  const inline = createInlineObjectStore({ metadata, clock });
  const bucket = createMemoryObjectStore();
  const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: 4_096 });
  return createBroker({ metadata, objects, compression: nodeCompression, clock, random: seededRandom(1), cacheBytes });
}

async function listening(gateway: Gateway, node: VirtualBroker): Promise<number> {
  const server = gateway.serverOf(node);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
