import { KIB } from './sizes.ts';

/** Consumer groups. */
export const groupLimits = {
  /** Members of one group: their items are read together when the group is looked over, and one item lists them all. */
  groupMembersMax: 1_000,
  /** Member ids that clients choose for themselves, and those made here. */
  memberIdLengthMax: 255,
  /** `group.instance.id`: part of the id of a static member. */
  groupInstanceIdLengthMax: 128,
  /** What a member may subscribe to by name: topics, and their names together in UTF-8. */
  groupSubscriptionTopicsMax: 1_000,
  groupSubscriptionBytesMax: 16 * KIB,
  /** Topics and partitions that one group can have: all its assignments share an item. */
  groupTopicsMax: 2_000,
  groupPartitionsMax: 50_000,
  /** The item of all assignments, far below what DynamoDB takes, since a change writes it in a transaction. */
  groupTargetBytesMax: 320 * KIB,
  /**
   * A topic pattern, and the steps it may compile to, which suffices for all that counts no repetitions; matching costs
   * at most their product with a name's length.
   */
  topicPatternLengthMax: 512,
  topicPatternStepsMax: 1_000,
  /** What is remembered of a pattern to match the next name faster: sets of its steps. */
  topicPatternStatesMax: 256,
  /**
   * Patterns of which a process remembers the topics, and steps of matching after which other requests have their turn.
   */
  topicPatternsRemembered: 256,
  topicMatchStepsInTurn: 500_000,
  /** Different patterns that members of one group can join with. */
  groupPatternsMax: 64,
  /** How deep groups of a pattern may nest. */
  topicPatternDepthMax: 32,
  /** `session.timeout.ms`: Kafka's bounds and its default of the consumer. */
  groupSessionTimeoutMsMin: 6_000,
  groupSessionTimeoutMsMax: 30 * 60 * 1_000,
  groupSessionTimeoutMsDefault: 45_000,
  /** How often members of Kafka's protocol heartbeat whose partitions are assigned here; its own default. */
  groupHeartbeatMs: 5_000,
  /** How long a member may take to give up what it is told to; Kafka's default of `max.poll.interval.ms`. */
  groupRebalanceTimeoutMsDefault: 5 * 60 * 1_000,
  groupRebalanceTimeoutMsMax: 30 * 60 * 1_000,
  /** How often someone looks whether members are gone and topics have changed. */
  groupLookMs: 5_000,
  /** Times that a change of a group is decided anew because others changed it first. */
  groupDecisionsMax: 16,
  /** Rounds in which loads of members with different subscriptions are evened out; as many as Kafka's. */
  groupBalancingRoundsMax: 16,
  /** Kafka's default of `group.initial.rebalance.delay.ms`. */
  groupInitialRebalanceDelayMs: 3_000,
  /** Protocols that one member offers, and their metadata together. */
  groupProtocolsMax: 32,
  groupProtocolBytesMax: 64 * KIB,
  /** Assignments that the leader of a classic group may hand in; they share an item. */
  groupAssignmentBytesMax: 320 * KIB,
  /** The seats of all members of a classic group, which share an item with the assignments, … */
  groupSeatBytesMax: 192 * KIB,
  /** … and that item: below the 400 KB that DynamoDB takes. */
  groupGenerationBytesMax: 390_000,
  /** Kafka's default of `offsets.retention.minutes`, in ms. */
  offsetsRetentionMsDefault: 7 * 24 * 60 * 60 * 1_000,
  /** What `offsets.retention.minutes` may be at most, as a number of Kafka's: 32 bits with a sign. */
  offsetsRetentionMinutesMax: 2 ** 31 - 1,
  /** Groups whose state and target a process remembers. */
  groupCacheEntries: 1_000,
  /** Static members whose instance ids a process remembers, for those that say them only once. */
  groupInstancesRemembered: 10_000,
  /** How old the state of a group may be that a heartbeat goes by; members of a process share its reads. */
  groupStateAgeMs: 500,
  /** A poll that waits looks at the group this often, unless a third of the session is shorter, … */
  groupWaitLookMs: 3_000,
  /** … and this often while partitions of it are still to be given up by others. */
  groupHandOverLookMs: 300,
  /** A request that waits for the round of a classic group looks at the group this often. */
  groupRoundLookMs: 250,
  /** What of a client's name the member ids begin with that are made for it. */
  groupMemberIdClientLengthMax: 200,
  /** How long a process takes it that a group is in the directory of groups. */
  groupListedMs: 60_000,
  /**
   * An entry of that directory that was written less long ago is not removed: longer than a process takes it to be
   * there, and than a transaction of that time may still commit offsets.
   */
  groupEntryKeptMs: 60 * 60 * 1_000,
  /** Partitions that one poll reads at a time, and rounds over those that have more than their share. */
  pollPartitionsInFlightMax: 8,
  pollRoundsMax: 3,
  /** Who a client says it is, of a member. */
  groupClientLengthMax: 255,
  /** How long a consumer instance of the REST dialect is kept without being used; the dialect's servers agree on it. */
  instanceTimeoutMs: 5 * 60 * 1_000,
  /** An instance that is used without being changed is written this often, so that it is seen to be in use. */
  instanceTouchMs: 60_000,
  instanceNameLengthMax: 255,
  /** Partitions that a client may assign to an instance by itself; their positions share its item. */
  instancePartitionsMax: 1_000,
  /** Instances of a group that are looked at for old ones when one is created. */
  instancesSweptMax: 100,
  /** The positions that a poll's cursor carries, as bytes. */
  pollCursorBytesMax: 512 * KIB,
} as const;
