/** What an API is to the gateway: the versions it serves, and what it makes of a request. */

import type { Broker } from '../broker/broker.ts';
import type { KeyAuthenticator } from '../broker/keys/authenticate.ts';
import type { Principal } from '../coordination/tenants/principal.ts';
import type { Turns } from '../kernel/turns.ts';
import type { Cluster, VirtualBroker } from './cluster.ts';
import type { Failure } from './failures.ts';
import type { ApiName, apis } from './generated/apis.ts';
import type { Quota } from './quota.ts';
import type { SaslConversation } from './sasl/conversation.ts';
import type { ShareSessions } from './share-groups/share-sessions.ts';
import type { TopicNames } from './topics/topic-names.ts';
import type { Traffic } from './traffic.ts';

export type RequestOf<Name extends ApiName> = ReturnType<(typeof apis)[Name]['decodeRequest']>;
export type ResponseOf<Name extends ApiName> = Parameters<(typeof apis)[Name]['encodeResponse']>[2];

/** One file of `apis/` each. */
export interface ServedApi<Name extends ApiName> {
  /** The versions that are served, both included. */
  lowest: number;
  highest: number;
  /** Advertised from this version on, where that is lower than what is served. */
  advertisedFrom?: number;
  /** Answered before the client has said who it is. */
  beforeAuthentication?: boolean;
  /**
   * Roughly what the answer takes in memory, for APIs of which a small request can ask for a large answer. So much is
   * reserved in the budget that all connections share, before the request is handled. Absent: by the number of elements
   * in the request. 0: the handler reserves by itself (`roomForAnswer`).
   */
  answerBytes?(call: Call, request: RequestOf<Name>): number;
  /** Nothing (`undefined`) for a request that is not to be answered. */
  handle(call: Call, request: RequestOf<Name>): Promise<ResponseOf<Name> | undefined> | ResponseOf<Name> | undefined;
  /**
   * The answer to a request that failed as a whole. Throws (`unanswerable`) where the answer has no place for a
   * failure.
   */
  failed(call: Call, request: RequestOf<Name>, failure: Failure): ResponseOf<Name>;
}

/** One request, with whom it is from. */
export interface Call {
  readonly gateway: GatewayContext;
  readonly session: Session;
  readonly version: number;
  readonly clientId: string | null;
  /** Aborted when nobody waits for the answer any more: the client is gone, or the gateway is about to end. */
  readonly signal: AbortSignal;
  /**
   * Lets the connection begin its next request before this one is answered. Without it the next one waits for the
   * answer: requests of a connection take effect in their order.
   */
  readonly accepted: () => void;
  /**
   * Waits for room in the shared budget for so many bytes of records; to be called once at most. Resolves to false when
   * the answer is not wanted any more.
   */
  readonly roomForAnswer: (bytes: number) => Promise<boolean>;
  /** The same without waiting; where there is none now, `roomForAnswer` may still be asked. */
  readonly roomNow: (bytes: number) => boolean;
  /** The connection is closed as soon as this call is answered; no request after it begins. */
  readonly hangUp: () => void;
  /** Reads nothing from the client for so many milliseconds (KIP-219). */
  readonly mute: (ms: number) => void;
  /** `sent` is called when nothing of the answer is needed any more, where there was one. */
  readonly whenSent: (sent: () => void) => void;
}

/** What all connections of a gateway share. */
export interface GatewayContext {
  readonly broker: Broker;
  readonly cluster: Cluster;
  readonly topicNames: TopicNames;
  readonly advertised: readonly AdvertisedApi[];
  readonly shareSessions: ShareSessions;
  readonly traffic: Traffic;
  /** For work on everything that a request names, of which there may be much. */
  readonly turns: Turns;
  /** `auto.create.topics.enable`, and what a topic that is made so gets. */
  readonly autoCreate: AutoCreate;
  /** `group.initial.rebalance.delay.ms`; absent: Kafka's default. */
  readonly initialRebalanceDelayMs?: number;
  /**
   * How long a client is taken for who it has proved to be (Kafka: `connections.max.reauth.ms`); absent: as long as it
   * is connected.
   */
  readonly sessionMsMax?: number;
  /** Absent: nobody is asked who they are. */
  readonly authenticator?: KeyAuthenticator;
  /** Absent: nobody is throttled. */
  readonly quota?: Quota;
}

export interface AdvertisedApi {
  apiKey: number;
  minVersion: number;
  maxVersion: number;
}

export interface AutoCreate {
  enabled: boolean;
  /** `num.partitions`. */
  partitions: number;
}

/** One connection's. */
export interface Session {
  /** The virtual broker that the client has connected to. */
  readonly node: VirtualBroker;
  /** The client's address. */
  readonly address: string;
  /** Who it is; absent where nobody is asked, and before it has said so. */
  principal?: Principal;
  /** How it says so; absent where nobody is asked. */
  readonly sasl?: SaslConversation;
}
