import { KIB } from './sizes.ts';

/** Share groups (KIP-932). Where Kafka has a name for a limit, its default is the limit. */
export const shareGroupLimits = {
  /** Members of one group (Kafka: `group.share.max.size`). */
  shareGroupMembersMax: 200,
  /** What a member id of a client may have (Kafka: `ShareRequestMetadata`'s clients have UUIDs). */
  shareMemberIdLengthMax: 36,
  /** `group.share.session.timeout.ms`, with its bounds. */
  shareSessionTimeoutMsDefault: 45_000,
  shareSessionTimeoutMsMin: 45_000,
  shareSessionTimeoutMsMax: 60_000,
  /** `group.share.heartbeat.interval.ms`, with its bounds. */
  shareHeartbeatMsDefault: 5_000,
  shareHeartbeatMsMin: 5_000,
  shareHeartbeatMsMax: 15_000,
  /** `group.share.record.lock.duration.ms`, with its bounds. */
  shareLockMsDefault: 30_000,
  shareLockMsMin: 15_000,
  shareLockMsMax: 60_000,
  /** How often a record is delivered at most (`group.share.delivery.count.limit`), with its bounds. */
  shareDeliveriesDefault: 5,
  shareDeliveriesMin: 2,
  shareDeliveriesMax: 10,
  /**
   * Records of a share partition that are acquired, or available again (`group.share.partition.max.record.locks`), with
   * its bounds.
   */
  shareInFlightRecordsDefault: 2_000,
  shareInFlightRecordsMin: 100,
  shareInFlightRecordsMax: 4_000,
  /** Share sessions of one process (`group.share.max.share.sessions`), and partitions of one of them. */
  shareSessionsMax: 2_000,
  shareSessionPartitionsMax: 10_000,
  /** A session that nobody has used for so long is forgotten. */
  shareSessionIdleMs: 10 * 60 * 1_000,
  /** The item of a group's assignments. */
  shareTargetBytesMax: 320 * KIB,
  /** Share partitions that a process remembers, and targets. */
  sharePartitionsRemembered: 10_000,
  shareTargetsRemembered: 1_000,
  /** How old what is remembered of a share partition may be where it says that there is nothing to be had. */
  sharePartitionAgeMs: 1_000,
  /** A fetch that found nothing, though there seemed to be something, looks again after so long at the earliest. */
  shareWaitMsMin: 10,
  /** Share partitions of one request that are worked on at the same time. */
  sharePartitionsInFlightMax: 8,
} as const;
