/**
 * The consumer: a member of a group, record by record.
 *
 *     await using consumer = client.consumer({ group: 'billing', topics: ['orders'], valueDeserializer: json<Order>() });
 *     for await (const record of consumer.records()) await bill(record.value);
 *
 * All callbacks run in the application's own turn, when it asks for the next record, as with Kafka's consumer: nothing is
 * taken from under a record that is being worked on. Polls and heartbeats go on meanwhile (membership.ts).
 */
import type { TopicPartition } from './options.ts';
import type { ConsumerBatch, ConsumerRecord } from './record.ts';
import type { ConsumerState, PollStep, StepOptions } from './step.ts';

export interface CommittableOffset extends TopicPartition {
  /** Of the next record to read. */
  offset: number;
  metadata?: string;
}

export interface GroupMetadata {
  group: string;
  member: string;
  /** The member's epoch. */
  generation: number;
}

export interface Consumer<Key, Value> extends AsyncDisposable {
  /**
   * The records of all partitions, each partition's in order, for as long as the consumer is open. Rejects with what
   * will not get better by itself; the next call goes on. One iteration at a time. Who leaves it early stays a member,
   * with heartbeats, until `close` or for `maxPollIntervalMs`; the record in hand then is not counted as done: with
   * automatic commits the next iteration begins with it.
   */
  records(): AsyncGenerator<ConsumerRecord<Key, Value>, void, undefined>;
  /** The same in the pieces that arrive, each of one partition. */
  batches(): AsyncGenerator<ConsumerBatch<Key, Value>, void, undefined>;
  /**
   * One poll and no more, for a program that cannot stay: what it returns as `state` goes into the next one, in this
   * process or another. Nothing runs in between. Independent of `records` and `batches`.
   */
  poll(options?: StepOptions): Promise<PollStep<Key, Value>>;
  /**
   * The end of what `poll` began: commits what the last step returned, where commits are automatic, and leaves the
   * group, so that nobody waits for the session's end. Of a member that is no more, nothing.
   */
  leave(state: ConsumerState): Promise<void>;
  /** Commits these offsets; without, all that was handed out. Rejects with `PARTITION_NOT_ASSIGNED`. */
  commit(offsets?: readonly CommittableOffset[]): Promise<void>;
  /** What the consumer owns, as far as the application was told. */
  readonly assignment: TopicPartition[];
  /** Who this member is, for `transaction.commitOffsets`; `undefined` before it is one. */
  groupMetadata(): GroupMetadata | undefined;
  /** Hands out nothing more of these until `resume`, and keeps them. Throws `PARTITION_NOT_ASSIGNED`. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /** Goes on there with what is asked for next; what is in hand stays so. Throws `PARTITION_NOT_ASSIGNED`. */
  seek(position: TopicPartition & { offset: number }): void;
  /**
   * Gives everything up (`onRevoked`), commits what is done where commits are automatic, and leaves the group; a static
   * member stays in it until its session is over. Iterations end. Rejects where that cannot be done within `timeoutMs`
   * (default 30,000); the consumer is closed all the same. Not to be awaited by a callback: it waits for that to end.
   */
  close(options?: { timeoutMs?: number }): Promise<void>;
}
