import { KIB, MIB } from './sizes.ts';

/** The client: its calls, its producer, its direct reading and its consumer. */
export const clientLimits = {
  /** One attempt of one call, beside what the server is asked to wait. */
  clientRequestMsMax: 30_000,
  clientAttemptsMax: 5,
  /** The pause before the second attempt; doubles, with jitter, … */
  clientRetryPauseMsMin: 100,
  /** … up to this, which also caps what a server may ask for. */
  clientRetryPauseMsMax: 10_000,

  // The producer: Kafka's defaults where HTTP gives no reason for others (`linger.ms` and so on)
  clientLingerMsDefault: 5,
  clientLingerMsMax: 60 * 60 * 1_000,
  /**
   * Far more than Kafka's 16 KiB: a request over HTTP costs more than one of Kafka's. Below every topic's default
   * limit.
   */
  clientBatchBytesDefault: 512 * KIB,
  clientBatchRecordsDefault: 5_000,
  clientInFlightDefault: 5,
  clientInFlightMax: 256,
  clientBufferBytesDefault: 32 * MIB,
  clientBufferBytesMax: 1_024 * MIB,
  /** Records that wait for room in the buffer, beside what `waitMsMax` bounds. */
  clientWaitingRecordsMax: 1_000_000,
  clientWaitMsDefault: 60_000,
  clientDeliveryTimeoutMsDefault: 120_000,
  /** No option of the producer that is a time may be longer. */
  clientTimeMsMax: 24 * 60 * 60 * 1_000,
  /** How long the number of a topic's partitions is taken from memory; then it is read again beside the sending. */
  clientTopicAgeMsDefault: 5 * 60 * 1_000,
  /** After an error it is read again at once, but not more often than this. */
  clientTopicRefreshMsMin: 1_000,

  // Direct reading: from the bucket, by the ranges of a plan
  /** What one plan is asked for. A plan costs the server a read or two, whatever it names. */
  clientPlanBytes: 128 * MIB,
  /** A plan with fewer bytes behind its URLs is left to ordinary fetches, … */
  clientDirectBytesMin: MIB,
  /** … as is one whose ranges have fewer bytes on average: a request for each is not worth it. */
  clientDirectRangeBytesMin: 64 * KIB,
  clientRangesInFlightDefault: 4,
  clientRangesInFlightMax: 64,
  /** Five of merged history's: as many as are in flight, and the one that is handed out. */
  clientRangesBytesDefault: 24 * MIB,
  clientRangesBytesMax: 1_024 * MIB,
  /** Plans of which ranges are being read, or wait to be handed out. */
  clientPlansInHandMax: 4,
  /** How long ordinary fetches go on after direct reading failed or had little to read; doubles, … */
  clientDirectPauseMsMin: 10_000,
  /** … up to this. */
  clientDirectPauseMsMax: 10 * 60 * 1_000,
  /** A member asks for the first plan of a partition after so many bytes of it came in answers that were full. */
  clientDirectEarnedBytesMin: 256 * KIB,
  /**
   * How often a member commits what it reads directly, as no poll for records does. Kafka: `auto.commit.interval.ms`.
   */
  clientDirectCommitMs: 5_000,

  // The consumer
  /** Kafka's default of `max.poll.interval.ms`. */
  clientPollIntervalMsDefault: 5 * 60 * 1_000,
  /** How long a poll waits for records by default; the server looks after the member meanwhile. */
  clientPollWaitMsDefault: 10_000,
  /** Polls that come back at once without records are this far apart at first, … */
  clientIdlePauseMsMin: 25,
  /** … twice as far each time, and no farther than this. */
  clientIdlePauseMsMax: 1_000,
  /** How long a consumer takes to commit and leave before it gives up. */
  clientCloseMsDefault: 30_000,
  /** Times that a commit is sent again because the member's generation has moved on meanwhile. */
  clientCommitGenerationsMax: 4,
} as const;
