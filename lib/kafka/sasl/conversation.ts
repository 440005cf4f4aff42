/**
 * How one connection says who it is, as Kafka's SaslServerAuthenticator has it: a handshake that names the mechanism,
 * then the mechanism's own messages; and the same again before the session ends (KIP-368), by the same mechanism and
 * for the same principal.
 *
 * After the handshake of version 0 the messages are frames of their own, without header (`takesTokens`); from version 1
 * on they come in SaslAuthenticate.
 */
import type { Principal } from '../../coordination/tenants/principal.ts';
import type { Clock } from '../../kernel/clock.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { keyLimits } from '../../kernel/limits/keys.ts';
import { type Failure, wireCodes } from '../failures.ts';
import type { Identity, Mechanisms, SaslExchange } from './mechanism.ts';

export interface ConversationOptions {
  mechanisms: Mechanisms;
  clock: Clock;
  /** How long a session may last (Kafka: `connections.max.reauth.ms`); absent: as long as what was proved holds. */
  sessionMsMax?: number;
  /** Who the client has proved to be by other means. */
  proved?: Identity;
}

interface Exchanging {
  mechanism: string;
  exchange: SaslExchange;
  /** Its messages come without header. */
  isRaw: boolean;
}

interface Session {
  mechanism: string;
  identity: Identity;
  /** By the monotonic clock; absent: no end. */
  endsMs?: number;
  /** When it began, … */
  beganMs: number;
  /** … and when its key was last seen to exist. */
  seenMs: number;
}

export interface Refusal {
  failure: Failure;
  /** The connection ends with it. */
  isFinal: boolean;
}

export type Answer =
  | Refusal
  /** `lifetimeMs`: of the session that has begun, 0 for one without end; absent where the exchange goes on. */
  | { failure?: undefined; bytes: Uint8Array; lifetimeMs?: number };

/** No mechanism of SASL: a session that began with it ends with the connection. */
const CERTIFICATE = 'a certificate';

export class SaslConversation {
  readonly #options: ConversationOptions;
  #exchanging: Exchanging | undefined;
  #session: Session | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
    const nowMs = options.clock.monotonic();
    const { proved } = options;
    // It lasts as long as the connection: nothing could be proved anew without another.
    this.#session = proved && { mechanism: CERTIFICATE, identity: proved, beganMs: nowMs, seenMs: nowMs };
  }

  /** What clients may choose from. */
  get mechanisms(): string[] {
    return [...this.#options.mechanisms.keys()];
  }

  /** Who it has proved to be, if its session has not ended. */
  get principal(): Principal | undefined {
    const session = this.#session;
    return session !== undefined && !this.#isOver(session) ? session.identity.principal : undefined;
  }

  /** Whether the next frame is a message of the mechanism, without header. */
  get takesTokens(): boolean {
    return this.#exchanging?.isRaw === true;
  }

  /** The mechanism that the client wants. `undefined`: its messages may come. */
  handshake(mechanism: string, { isRaw }: { isRaw: boolean }): Refusal | undefined {
    if (this.#exchanging !== undefined || this.#isTooSoon()) {
      const message = 'No SASL handshake is expected now.';
      return { failure: { code: wireCodes.ILLEGAL_SASL_STATE, message }, isFinal: this.#exchanging !== undefined };
    }
    const begin = this.#options.mechanisms.get(mechanism);
    if (begin === undefined) {
      const message = `There is no mechanism ${mechanism.slice(0, 100)} here, but ${this.mechanisms.join(', ')}.`;
      return { failure: { code: wireCodes.UNSUPPORTED_SASL_MECHANISM, message }, isFinal: true };
    }
    this.#exchanging = { mechanism, exchange: begin(), isRaw };
    return undefined;
  }

  /** The mechanism's next message. */
  async authenticate(message: Uint8Array): Promise<Answer> {
    const exchanging = this.#exchanging;
    if (exchanging === undefined) {
      const isFinal = this.#session === undefined;
      const text = 'No message of a SASL mechanism is expected now.';
      return { failure: { code: wireCodes.ILLEGAL_SASL_STATE, message: text }, isFinal };
    }
    const { mechanism, exchange } = exchanging;
    const before = this.#session;
    if (before !== undefined && before.mechanism !== mechanism) {
      return refused(`The session began with ${before.mechanism}, and goes on with that only.`);
    }
    const step = await exchange.step(message);
    if (step.outcome === 'continues') return { bytes: step.bytes };
    this.#exchanging = undefined;
    if (step.outcome === 'refused') return refused(step.message ?? `The credentials are not valid (${mechanism}).`);
    const { identity } = step;
    if (before !== undefined && before.identity.principal.id !== identity.principal.id) {
      return refused('A session stays with the principal that it began with.');
    }
    return { bytes: step.bytes, lifetimeMs: this.#begin(mechanism, identity) };
  }

  /** Looks, every now and then, whether the principal's key is still there, and what it may do now. */
  async refresh(): Promise<Principal | undefined> {
    const session = this.#session;
    if (session === undefined || this.#isOver(session)) return undefined;
    const { identity } = session;
    const nowMs = this.#options.clock.monotonic();
    if (identity.now === undefined || nowMs - session.seenMs < keyLimits.principalCacheMs) return identity.principal;
    const principal = await identity.now();
    if (principal === undefined) {
      this.#session = undefined;
      return undefined;
    }
    session.seenMs = nowMs;
    session.identity = { ...identity, principal };
    return principal;
  }

  /** For how long. */
  #begin(mechanism: string, identity: Identity): number {
    const { clock, sessionMsMax } = this.#options;
    const nowMs = clock.monotonic();
    const ends = [
      ...(identity.expiresAtMs === undefined ? [] : [Math.max(1, identity.expiresAtMs - clock.now())]),
      ...(sessionMsMax === undefined ? [] : [sessionMsMax]),
    ];
    const lifetimeMs = ends.length === 0 ? undefined : Math.min(...ends);
    this.#session = {
      mechanism,
      identity,
      beganMs: nowMs,
      seenMs: nowMs,
      ...(lifetimeMs !== undefined && { endsMs: nowMs + lifetimeMs }),
    };
    return lifetimeMs ?? 0;
  }

  #isOver({ endsMs }: Session): boolean {
    return endsMs !== undefined && this.#options.clock.monotonic() >= endsMs;
  }

  /** Kafka lets nobody begin anew at every breath either. */
  #isTooSoon(): boolean {
    const { clock } = this.#options;
    const session = this.#session;
    return session !== undefined && clock.monotonic() - session.beganMs < kafkaLimits.kafkaReauthenticationMsMin;
  }
}

function refused(message: string): Answer {
  return { failure: { code: wireCodes.SASL_AUTHENTICATION_FAILED, message }, isFinal: true };
}
