import { KIB, MIB } from './sizes.ts';

/** The Kafka gateway. */
export const kafkaLimits = {
  /**
   * A request's frame (Kafka: `socket.request.max.bytes`). Java's producers send 1 MiB at most, librdkafka's as well,
   * unless told otherwise.
   */
  kafkaFrameBytesMax: 32 * MIB,
  /** The same before the client has said who it is (Kafka: `sasl.server.max.receive.size`). */
  kafkaStrangersFrameBytesMax: 512 * KIB,
  /** Elements of all arrays of a request together: as objects they take fifty times what they take in a frame. */
  kafkaElementsMax: 50_000,
  /** How long requests that name much are worked on without a break for those of other connections. */
  kafkaTurnMsMax: 10,
  /**
   * Elements of a request, or of an array of its answer, that are worked on without asking whether it is time for one.
   */
  kafkaElementsAtOnceMax: 100,
  /** Requests of one connection that are being answered; beyond, nothing more is read from it. */
  kafkaRequestsInFlightMax: 64,
  /** What is read of a connection ahead of the requests that it may begin. */
  kafkaReadAheadBytesMax: 16 * KIB,
  /**
   * What the requests of a connection that are being answered, and the one that arrives, have without asking; and an
   * answer that waits for its client.
   */
  kafkaFreeBytes: 64 * KIB,
  /** Requests beyond that, of all connections of a process; the next one waits, unread, until there is room. */
  kafkaPendingBytesMax: 128 * MIB,
  /** The same of clients that have yet to say who they are: others do not wait for them. */
  kafkaStrangersPendingBytesMax: 16 * MIB,
  /**
   * Answers beyond that which are made, or which clients have not taken yet, of all connections of a process; the next
   * one waits until there is room.
   */
  kafkaUnsentAnswersBytesMax: 256 * MIB,
  /** What an answer is thought to take in memory for each element of its request, … */
  kafkaAnswerElementBytes: 512,
  /** … for each topic with its partitions, … */
  kafkaAnswerTopicBytes: 4 * KIB,
  /** … for each resource whose configs are asked for, … */
  kafkaAnswerConfigsBytes: 16 * KIB,
  /** … for each group that is described, … */
  kafkaAnswerGroupBytes: 64 * KIB,
  /** … and where all there is of something is asked for. */
  kafkaAnswerAllBytes: 16 * MIB,
  /** What a fetch is answered at most, whatever it asks for (Kafka: `fetch.max.bytes` of brokers, 55 MiB). */
  kafkaFetchBytesMax: 16 * MIB,
  /** Partitions of one produce request that are written at the same time: those of any producer that means well. */
  kafkaWritesInFlightMax: 256,
  /**
   * Of what a request names as much is handed on at once where there are no breaks: as many offsets as one atomic write
   * can have.
   */
  kafkaHandedOnMax: 1_584,
  /** Partitions of one fetch that are read at the same time. */
  kafkaPartitionsInFlightMax: 16,
  /** Partitions in one answer of DescribeTopicPartitions (Kafka: `max.request.partition.size.limit`). */
  kafkaDescribedPartitionsMax: 2_000,
  /** A frame that has begun has to be there by then. */
  kafkaFrameMsMax: 60_000,
  /** As long may a client keep room, of either kind, without taking or giving anything while others wait for it. */
  kafkaContendedMsMax: 10_000,
  /** And the rest of a frame that has room comes at this rate then, after a moment. */
  kafkaContendedBytesPerSecondMin: 256 * KIB,
  kafkaContendedGraceMs: 1_000,
  /** TLS has to be agreed on by then. */
  kafkaHandshakeMsMax: 10_000,
  /** A connection on which nothing happens is closed (Kafka: `connections.max.idle.ms`). */
  kafkaIdleMsMax: 10 * 60 * 1_000,
  /** How often connections are looked at for either. */
  kafkaConnectionCheckMs: 1_000,
  /** Connections of one process; those beyond are closed at once. */
  kafkaConnectionsMax: 20_000,
  /** Answers are given to the socket in parts of this size: a client that takes none for a while is stuck. */
  kafkaUnsentBytesMax: 256 * KIB,
  /** Up to this size an answer waits for those that are ready in the same turn. */
  kafkaAnswersTogetherBytesMax: 16 * KIB,
  /** By then a client has said who it is, counted from its connection. */
  kafkaAuthenticationMsMax: 30_000,
  /** How long a refused client waits for its refusal (Kafka: `connection.failed.authentication.delay.ms`). */
  kafkaRefusalDelayMs: 100,
  /** Between two authentications on one connection. */
  kafkaReauthenticationMsMin: 1_000,
  /** A client is not listened to for this long at most, whatever a quota says. */
  kafkaThrottleMsMax: 30_000,
  /** Virtual brokers of a local server: each has a port. */
  kafkaVirtualBrokersMax: 100,
  /** Of the first virtual broker of a process. */
  kafkaNodeIdMax: 1_000_000_000,
  /**
   * How often a gateway that is one of several says that it is there, and looks who else is (Kafka:
   * `broker.heartbeat.interval.ms`).
   */
  kafkaGatewayBeatMs: 2_000,
  /**
   * A gateway that has not said so for this long is named to clients no more. Shorter than Kafka's
   * `broker.session.timeout.ms` (9 s), since to be wrong costs nothing here: any other answers for its partitions.
   */
  kafkaGatewaySilenceMsMax: 5_000,
  /** What one that has ended without taking leave has said of itself is kept for this long. */
  kafkaGatewayForgottenMs: 24 * 60 * 60 * 1_000,
  /** Gateways that are brokers of one cluster. */
  kafkaGatewaysMax: 1_000,
  /** Partitions of all topics that one request creates (Kafka: `MAX_RECORDS_PER_USER_OP` of its controller). */
  kafkaCreatedPartitionsMax: 10_000,
  /** Topics whose names a process remembers by id. */
  kafkaTopicIdsMax: 100_000,
} as const;
