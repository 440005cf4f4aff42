/**
 * The local server: stores, broker and HTTP in one process.
 *
 * It holds nothing that a crash could lose: what was answered is stored. Closing it is therefore a courtesy to those
 * who are being served: no new connection is taken, who waits for records is answered now, requests under way end, and
 * what was accepted without an answer to wait for (acks=none) is stored.
 */
import type { AddressInfo, Socket } from 'node:net';
import { type Broker, settled } from '../broker/broker.ts';
import type { Authenticator } from '../broker/keys/authenticate.ts';
import type { TargetPolicy } from '../broker/triggers/target-policy.ts';
import { createApp } from '../http/app.ts';
import { createHttpServer, type HttpServer } from '../http/node-server.ts';
import { maintenanceLimits } from '../kernel/limits/maintenance.ts';
import { serverLimits } from '../kernel/limits/server.ts';
import { type GatewaySurroundings, type LocalGateway, openGateway } from './kafka/kafka-gateway.ts';
import { keepReplicasUntil } from './keeping-replicas.ts';
import { listen } from './listen.ts';
import { eraseUntil, maintainUntil } from './maintaining.ts';
import { authenticatorOf, openBroker } from './open-broker.ts';
import type { LocalOptions } from './options.ts';
import type { ServiceContext } from './service-process.ts';
import { openStores, type Stores } from './stores.ts';
import type { LocalTriggers } from './triggers/local-triggers.ts';

export interface RunningServer {
  /** Where it listens. */
  url: string;
  /** Where it speaks Kafka's protocol, `host:port`; absent where it does not. */
  kafka?: string;
  /** Ends as described above. Calling it again waits for the same end. */
  close(): Promise<void>;
}

export interface ServerContext extends ServiceContext {
  /** Which functions triggers may have; none unless given. */
  targetPolicy?: TargetPolicy;
}

/**
 * Throws `ListenError`, `OptionsError`, or a `MillraceError` of the storage; each message is a sentence for whoever
 * starts the server.
 */
export async function startServer(options: LocalOptions, context: ServerContext): Promise<RunningServer> {
  const { clock, random, log } = context;
  let url = '';
  const stores = await openStores(options, { clock, random, log, baseUrl: () => options.advertisedUrl ?? url });
  let triggers: LocalTriggers | undefined;
  try {
    const broker = await openBroker(options, stores, context);
    const draining = new AbortController();
    triggers = await openTriggers(options, context, broker);
    const authenticator = authenticatorOf(options, broker, log);
    const targetPolicy = triggers?.policy ?? context.targetPolicy;
    const http = httpServer(
      options,
      { ...context, targetPolicy },
      { broker, stores, authenticator, draining: draining.signal },
    );
    const connections = track(http);
    url = urlOf(await listen(http.server, options));
    const gateway = await openKafka(options, { broker, authenticator, clock, log }).catch(async (error: unknown) => {
      await closeInTime(http, connections, context);
      throw error;
    });
    const delivering = triggers;
    delivering?.start();
    const { offsetsRetentionMs, maintenanceIntervalMs: everyMs = maintenanceLimits.maintenanceIntervalMs } = options;
    const request = { offsetsRetentionMs, table: stores.metadata };
    const maintaining = maintainUntil(broker, draining.signal, { everyMs, ...request });
    const erasing = eraseUntil(broker, draining.signal);
    const isReplicated = (broker.objects.replicas?.replicas.length ?? 1) > 1;
    const keeping = isReplicated ? keepReplicasUntil(broker, draining.signal, log) : undefined;
    let closing: Promise<void> | undefined;
    const close = async () => {
      draining.abort();
      await Promise.all([closeInTime(http, connections, context), gateway?.close(), delivering?.close()]);
      await keeping;
      await settled(broker);
      await maintaining;
      await erasing;
      await stores.close();
    };
    return { url, kafka: gateway?.address, close: () => (closing ??= close()) };
  } catch (error) {
    await triggers?.close();
    await stores.close();
    throw error;
  }
}

/** Loaded only where it is asked for. */
async function openTriggers(
  { triggersFile: file, storage }: LocalOptions,
  { log }: ServerContext,
  broker: Broker,
): Promise<LocalTriggers | undefined> {
  if (file === undefined) return undefined;
  const { openLocalTriggers } = await import('./triggers/local-triggers.ts');
  return openLocalTriggers({ broker, log, file, isAlone: storage.kind !== 'aws' });
}

async function openKafka(
  { kafka }: LocalOptions,
  surroundings: GatewaySurroundings,
): Promise<LocalGateway | undefined> {
  return kafka && openGateway(kafka, surroundings);
}

function httpServer(
  options: LocalOptions,
  { clock, random, log, targetPolicy }: ServerContext,
  context: { broker: Broker; stores: Stores; authenticator?: Authenticator; draining: AbortSignal },
): HttpServer {
  const { broker, stores, authenticator, draining } = context;
  const { corsOrigins, advertisedUrl } = options;
  const app = createApp({
    broker,
    clock,
    random,
    authenticator,
    objectUrls: stores.objectUrls,
    cors: corsOrigins.length === 0 ? undefined : { origins: corsOrigins },
    advertisedUrl,
    targetPolicy,
    streaming: true,
    draining,
    log,
  });
  const http = createHttpServer({ app, clock, random, log });
  http.server.maxConnections = serverLimits.connectionsMax;
  return http;
}

/** The open connections. */
function track({ server }: HttpServer): Set<Socket> {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  return connections;
}

/** Cuts off who has not ended in time: a body that never comes, an answer that nobody reads. */
async function closeInTime(
  http: HttpServer,
  connections: ReadonlySet<Socket>,
  { clock, log }: ServerContext,
): Promise<void> {
  const closed = new AbortController();
  const late = clock.sleep(serverLimits.drainMsMax, closed.signal).then(() => {
    if (closed.signal.aborted) return;
    log.warn('requests under way did not end in time and are cut off', {});
    http.server.closeAllConnections();
  });
  const ended = http.close();
  // Node takes a connection on which nothing was said yet for a busy one.
  for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  await ended;
  closed.abort();
  await late;
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
