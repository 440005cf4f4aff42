/**
 * The gateway: Kafka's wire protocol over the broker's use cases. One listener for each virtual broker; whatever comes
 * in by any of them is answered here.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions, Server as TlsServer } from 'node:tls';
import type { Clock } from '../kernel/clock.ts';
import { kafkaLimits } from '../kernel/limits/kafka.ts';
import { Turns } from '../kernel/turns.ts';
import type { GatewayContext, Session } from './api.ts';
import type { VirtualBroker } from './cluster.ts';
import { WireFormatError } from './codec/wire-format-error.ts';
import { Budget } from './connection/budget.ts';
import { shownBy } from './connection/client-certificate.ts';
import { Connection } from './connection/connection.ts';
import { SaslConversation } from './sasl/conversation.ts';
import type { Identity, Mechanisms } from './sasl/mechanism.ts';
import { offeredMechanisms } from './sasl/mechanisms.ts';
import type { TokenValidator } from './sasl/token-validator.ts';
import { serveRequest } from './serve-request.ts';
import { advertised } from './served-apis.ts';
import { ShareSessions } from './share-groups/share-sessions.ts';
import { Traffic, type TrafficCounts } from './traffic.ts';

export interface GatewayOptions extends Omit<GatewayContext, 'advertised' | 'shareSessions' | 'traffic' | 'turns'> {
  clock: Clock;
  log: Pick<GatewayContext['broker']['log'], 'info' | 'error'>;
  /** Certificate and key, and what is asked of clients' certificates; without it connections are in the clear. */
  tls?: TlsOptions;
  /** Takes tokens of an OAuth issuer; absent: none. */
  tokens?: TokenValidator;
}

/** The kernel's probes find out which clients have vanished (Kafka: `SO_KEEPALIVE`). */
const socketOptions = { noDelay: true, keepAlive: true };

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #context: GatewayContext;
  readonly #budgets = {
    requests: new Budget(kafkaLimits.kafkaPendingBytesMax),
    strangers: new Budget(kafkaLimits.kafkaStrangersPendingBytesMax),
    answers: new Budget(kafkaLimits.kafkaUnsentAnswersBytesMax),
  };
  readonly #connections = new Set<Connection>();
  readonly #traffic = new Traffic();
  readonly #servers: Server[] = [];
  readonly #closing = new AbortController();
  /** Absent: nobody is asked who they are. */
  readonly #mechanisms: Mechanisms | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { authenticator, tokens, broker, clock } = options;
    this.#context = {
      ...options,
      advertised,
      shareSessions: new ShareSessions(options),
      traffic: this.#traffic,
      turns: new Turns({ clock, turnMs: kafkaLimits.kafkaTurnMsMax }),
    };
    this.#mechanisms =
      authenticator &&
      offeredMechanisms({ authenticator, random: broker.random, ...(tokens !== undefined && { tokens }) });
    void this.#lookAfterConnections();
  }

  /** A server of the connections to one virtual broker, for who made it to listen with. */
  serverOf(node: VirtualBroker): Server {
    const { tls } = this.#options;
    const server =
      tls === undefined
        ? createServer(socketOptions, (socket) => this.#connected(socket, node))
        : createTlsServer(
            { ...tls, ...socketOptions, handshakeTimeout: kafkaLimits.kafkaHandshakeMsMax },
            (socket) => void this.#introduced(socket, node),
          );
    server.on('tlsClientError', (error: Error & { code?: string; reason?: string }, socket: TLSSocket) => {
      const { code = '', reason = error.message } = error;
      const why = code === 'ERR_SSL_WRONG_VERSION_NUMBER' ? 'the client does not speak it (security.protocol)' : reason;
      // A health check, or a client that has changed its mind, has said nothing wrong.
      if (code !== 'ECONNRESET')
        this.#ended(new WireFormatError(`no TLS is agreed on: ${why}`), { address: socket.remoteAddress ?? '' });
    });
    // Those beyond are closed before they are looked at, also while they agree on TLS.
    server.maxConnections = kafkaLimits.kafkaConnectionsMax;
    server.on('drop', () => this.#traffic.refused());
    this.#servers.push(server);
    return server;
  }

  /** Connections that come from now on get this certificate. */
  replaceCertificate(tls: TlsOptions): void {
    for (const server of this.#servers) if (server instanceof TlsServer) server.setSecureContext(tls);
  }

  /** How many are connected, and what has gone through since it was last asked. */
  takeReport(): TrafficCounts & { connections: number } {
    return { connections: this.#connections.size, ...this.#traffic.take() };
  }

  /**
   * Takes no new connections and requests, answers those under way, and resolves when the last connection is closed.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve())),
    );
    for (const connection of this.#connections) connection.drain();
    await Promise.all(closed);
  }

  /** Cuts off who is still there. */
  destroyConnections(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  /** A client that has shown a certificate need not say anything more. */
  async #introduced(socket: TLSSocket, node: VirtualBroker): Promise<void> {
    socket.on('error', () => {});
    const shown = shownBy(socket);
    const { authenticator } = this.#options;
    if (shown.shown === 'nothing' || authenticator === undefined) return this.#connected(socket, node);
    try {
      if (shown.shown === 'nonsense') throw new WireFormatError(shown.reason);
      const now = () => authenticator.principalOf(shown.id);
      const principal = await now();
      if (principal === undefined) throw new WireFormatError('its certificate names no key that there is');
      this.#connected(socket, node, { principal, now });
    } catch (error) {
      this.#ended(error, { address: socket.remoteAddress ?? '' });
      socket.destroy();
    }
  }

  #connected(socket: Socket, node: VirtualBroker, proved?: Identity): void {
    // It may have gone while its certificate was looked at.
    if (socket.destroyed) return;
    const isFull = this.#connections.size >= kafkaLimits.kafkaConnectionsMax;
    if (this.#closing.signal.aborted || isFull) {
      if (isFull) this.#traffic.refused();
      socket.destroy();
      return;
    }
    const { clock } = this.#options;
    const sasl = this.#conversation(proved);
    const session: Session = {
      node,
      address: socket.remoteAddress ?? '',
      ...(sasl !== undefined && { sasl }),
      ...(proved !== undefined && { principal: proved.principal }),
    };
    const isStranger = () => sasl !== undefined && session.principal === undefined;
    const connection = new Connection({
      socket,
      clock,
      budgets: this.#budgets,
      isStranger,
      frameBytesMax: () => (isStranger() ? kafkaLimits.kafkaStrangersFrameBytesMax : kafkaLimits.kafkaFrameBytesMax),
      serve: (frame, serving) => serveRequest(frame, { gateway: this.#context, session, ...serving }),
      failed: (error) => this.#ended(error, session),
    });
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
  }

  #conversation(proved: Identity | undefined): SaslConversation | undefined {
    const { clock, sessionMsMax } = this.#options;
    const mechanisms = this.#mechanisms;
    if (mechanisms === undefined) return undefined;
    const options = { ...(sessionMsMax !== undefined && { sessionMsMax }), ...(proved !== undefined && { proved }) };
    return new SaslConversation({ mechanisms, clock, ...options });
  }

  #ended(error: unknown, { address }: Pick<Session, 'address'>): void {
    const { log } = this.#options;
    if (error instanceof WireFormatError)
      log.info(`A Kafka client's connection is closed: ${error.message}`, { address });
    else log.error("A Kafka client's request failed, and its connection is closed", { address, error });
  }

  async #lookAfterConnections(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await clock.sleep(kafkaLimits.kafkaConnectionCheckMs, signal);
      for (const connection of this.#connections) if (connection.isOverdue()) connection.destroy();
    }
  }
}
