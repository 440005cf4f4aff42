/**
 * Kafka's protocol on the local server: a listener for each virtual broker, on ports next to each other, or one for
 * all.
 */
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { Broker } from '../../broker/broker.ts';
import { clusterId } from '../../broker/cluster-id.ts';
import type { KeyAuthenticator } from '../../broker/keys/authenticate.ts';
import type { AutoCreate } from '../../kafka/api.ts';
import { Cluster, type VirtualBroker } from '../../kafka/cluster.ts';
import { Gateway } from '../../kafka/gateway.ts';
import { TopicNames } from '../../kafka/topics/topic-names.ts';
import type { Clock } from '../../kernel/clock.ts';
import { serverLimits } from '../../kernel/limits/server.ts';
import { ListenError, listen } from '../listen.ts';
import type { Logger } from '../logger.ts';
import { Announcing } from './announcing.ts';
import { reportTraffic } from './reporting-traffic.ts';
import { type Certificates, doubtsOf, followCertificates, readCertificates, type TlsFiles } from './tls-files.ts';
import { type TokenSource, tokensOf } from './token-source.ts';
import { advertisedPort, type VirtualBrokersOptions, virtualBrokers } from './virtual-brokers.ts';

export interface LocalKafkaOptions extends VirtualBrokersOptions {
  /** It was asked for. Otherwise, where another program has the port, the server goes on without Kafka's protocol. */
  required: boolean;
  /**
   * All virtual brokers are behind one port, before which a load balancer has one for each. Default: each listens on
   * its own.
   */
  onePort?: boolean;
  autoCreate: AutoCreate;
  /**
   * How long the first members of a classic group wait for each other; absent: not at all, as in the configuration that
   * Kafka ships.
   */
  initialRebalanceDelayMs?: number;
  /** How long a client is taken for who it has proved to be; absent: as long as it is connected. */
  sessionMsMax?: number;
  /** How often its log says what has gone through it; absent: never. */
  reportMs?: number;
  /** Absent: connections are in the clear. */
  tls?: TlsFiles;
  /** Absent: no tokens are taken. */
  tokens?: TokenSource;
}

export interface LocalGateway {
  /** Where the first virtual broker listens: `host:port`. */
  address: string;
  close(): Promise<void>;
}

export interface GatewaySurroundings {
  broker: Broker;
  authenticator?: KeyAuthenticator;
  clock: Clock;
  log: Logger;
}

/** `undefined` where it cannot listen and need not. Throws `ListenError` where it must. */
export async function openGateway(
  options: LocalKafkaOptions,
  surroundings: GatewaySurroundings,
): Promise<LocalGateway | undefined> {
  try {
    return await open(options, surroundings);
  } catch (error) {
    if (options.required || !(error instanceof ListenError)) throw error;
    surroundings.log.warn("Kafka's protocol is not served", { reason: error.message });
    return undefined;
  }
}

async function open(
  options: LocalKafkaOptions,
  { broker, authenticator, clock, log }: GatewaySurroundings,
): Promise<LocalGateway> {
  const { host, autoCreate, initialRebalanceDelayMs = 0, sessionMsMax, tokens, tls: files } = options;
  const tls = files && (await readCertificates(files));
  const nodes = virtualBrokers(options, hostname());
  const cluster = new Cluster(await clusterId(broker), nodes);
  const gateway = new Gateway({
    broker,
    clock,
    log,
    cluster,
    topicNames: new TopicNames(broker),
    autoCreate,
    initialRebalanceDelayMs,
    ...(authenticator !== undefined && { authenticator }),
    ...(sessionMsMax !== undefined && { sessionMsMax }),
    ...(tls !== undefined && { tls }),
    ...(tokens !== undefined && { tokens: await tokensOf(tokens, clock) }),
  });
  const portOf = async (node: VirtualBroker) => {
    if (options.onePort === true && ports[0] !== undefined) return ports[0];
    return (await listen(gateway.serverOf(node), { host, port: node.port, flag: '--kafka-port' })).port;
  };
  const ports: number[] = [];
  for (const [index, node] of nodes.entries()) {
    try {
      const port = await portOf(node);
      node.port = advertisedPort(options, index, port);
      ports.push(port);
    } catch (error) {
      await gateway.close();
      throw error;
    }
  }
  const announcing =
    options.nodeId === undefined ? undefined : new Announcing({ cluster, own: nodes, broker, clock, log });
  await announcing?.begin();
  sayWhereClientsAreSent(nodes, { host, ports }, log);
  const closing = new AbortController();
  if (files !== undefined && tls !== undefined) {
    const doubt = (certificates: Certificates) => {
      const hosts = nodes.map((node) => node.host);
      for (const sentence of doubtsOf(certificates, hosts, clock.now())) log.warn(sentence, { file: files.cert });
    };
    doubt(tls);
    const apply = (certificates: Certificates) => {
      gateway.replaceCertificate(certificates);
      doubt(certificates);
    };
    void followCertificates({ files, current: tls, apply, clock, log }, closing.signal);
  }
  const ended = new AbortController();
  const { reportMs } = options;
  const reporting = reportMs && reportTraffic({ gateway, everyMs: reportMs, clock, log }, ended.signal);
  return {
    address: addressOf(host, ports[0]),
    close: async () => {
      closing.abort();
      // A table that does not answer keeps no client waiting.
      const left = announcing?.close();
      const late = new AbortController();
      void clock.sleep(serverLimits.drainMsMax, late.signal).then(() => gateway.destroyConnections());
      await gateway.close();
      late.abort();
      ended.abort();
      await reporting;
      await left;
    },
  };
}

/** Not where it listens: what a client elsewhere cannot connect to is then looked for here first. */
function sayWhereClientsAreSent(
  nodes: readonly VirtualBroker[],
  { host, ports }: { host: string; ports: readonly number[] },
  log: Logger,
): void {
  if (nodes.every((node, index) => node.host === host && node.port === ports[index])) return;
  const addresses = nodes.map((node) => addressOf(node.host, node.port));
  log.info("Kafka's clients are told to connect to these addresses (--kafka-advertised)", { addresses });
}

function addressOf(host: string, port: number | undefined): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
