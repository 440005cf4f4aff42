/**
 * The local server: stores, broker and HTTP in one process.
 *
 * It holds nothing that a crash could lose: what was answered is stored. Closing it is therefore a courtesy to those
 * who are being served: no new connection is taken, who waits for records is answered now, requests under way end, and
 * what was accepted without an answer to wait for (acks=none) is stored.
 */
import type { AddressInfo, Socket } from 'node:net';
import { createAuthenticator } from '../broker/authenticate.ts';
import { type Broker, createBroker, settled } from '../broker/broker.ts';
import { checkHealth } from '../broker/check-health.ts';
import { nodeCompression } from '../broker/compression.ts';
import type { TargetPolicy } from '../broker/triggers/target-policy.ts';
import { createApp } from '../http/app.ts';
import { createHttpServer, type HttpServer } from '../http/node-server.ts';
import type { Clock } from '../kernel/clock.ts';
import { MillraceError } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import type { Random } from '../kernel/random.ts';
import { DECLARED_SECRET_LENGTH_ADVISED } from './declared-keys.ts';
import { keepReplicasUntil } from './keeping-replicas.ts';
import { listen } from './listen.ts';
import type { Logger } from './logger.ts';
import { eraseUntil, maintainUntil } from './maintaining.ts';
import type { LocalOptions } from './options.ts';
import { openStores, type Stores } from './stores.ts';
import type { LocalTriggers } from './triggers/local-triggers.ts';

export interface RunningServer {
  /** Where it listens. */
  url: string;
  /** Ends as described above. Calling it again waits for the same end. */
  close(): Promise<void>;
}

export interface ServerContext {
  clock: Clock;
  random: Random;
  log: Logger;
  /** Which functions triggers may have; none unless given. */
  targetPolicy?: TargetPolicy;
}

/** Throws `ListenError`, `OptionsError`, or a `MillraceError` of the storage; each message is a sentence for whoever starts the server. */
export async function startServer(options: LocalOptions, context: ServerContext): Promise<RunningServer> {
  const { clock, random, log } = context;
  let url = '';
  const stores = await openStores(options, { clock, random, log, baseUrl: () => options.advertisedUrl ?? url });
  let triggers: LocalTriggers | undefined;
  try {
    const { producerIdExpirationMs, replicaLagMsMax } = options;
    const broker = createBroker({
      ...stores,
      compression: nodeCompression,
      clock,
      random,
      log,
      producerIdExpirationMs,
      replicaLagMsMax,
    });
    await requireStorage(broker);
    warnOfWeakKeys(options, log);
    const draining = new AbortController();
    triggers = await openTriggers(options, context, broker);
    const targetPolicy = triggers?.policy ?? context.targetPolicy;
    const http = httpServer(options, { ...context, targetPolicy }, { broker, stores, draining: draining.signal });
    const connections = track(http);
    url = urlOf(await listen(http.server, options));
    const delivering = triggers;
    delivering?.start();
    const { offsetsRetentionMs } = options;
    const maintaining = maintainUntil(broker, draining.signal, { offsetsRetentionMs, table: stores.metadata });
    const erasing = eraseUntil(broker, draining.signal);
    const isReplicated = (broker.objects.replicas?.replicas.length ?? 1) > 1;
    const keeping = isReplicated ? keepReplicasUntil(broker, draining.signal, log) : undefined;
    let closing: Promise<void> | undefined;
    const close = async () => {
      draining.abort();
      await Promise.all([closeInTime(http, connections, context), delivering?.close()]);
      await keeping;
      await settled(broker);
      await maintaining;
      await erasing;
      await stores.close();
    };
    return { url, close: () => (closing ??= close()) };
  } catch (error) {
    await triggers?.close();
    await stores.close();
    throw error;
  }
}

/** A table that is missing or not allowed is better told now than at the first request. */
async function requireStorage(broker: Broker): Promise<void> {
  const health = await checkHealth(broker);
  if (!health.healthy) throw new MillraceError('KAFKA_STORAGE_ERROR', `The storage does not answer. ${health.reason}`);
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

function warnOfWeakKeys({ apiKeys }: LocalOptions, log: Logger): void {
  const ids = apiKeys.filter(({ secret }) => secret.length < DECLARED_SECRET_LENGTH_ADVISED).map(({ id }) => id);
  if (ids.length === 0) return;
  log.warn(`API keys with a secret shorter than ${DECLARED_SECRET_LENGTH_ADVISED} characters can be guessed`, { ids });
}

function httpServer(
  options: LocalOptions,
  { clock, random, log, targetPolicy }: ServerContext,
  { broker, stores, draining }: { broker: Broker; stores: Stores; draining: AbortSignal },
): HttpServer {
  const { apiKeys, corsOrigins, advertisedUrl } = options;
  const app = createApp({
    broker,
    clock,
    random,
    authenticator: apiKeys.length === 0 ? undefined : createAuthenticator({ broker, staticKeys: apiKeys }),
    objectUrls: stores.objectUrls,
    cors: corsOrigins.length === 0 ? undefined : { origins: corsOrigins },
    advertisedUrl,
    targetPolicy,
    streaming: true,
    draining,
    log,
  });
  const http = createHttpServer({ app, clock, random, log });
  http.server.maxConnections = limits.connectionsMax;
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
  const late = clock.sleep(limits.drainMsMax, closed.signal).then(() => {
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
