/**
 * One partition's batches, from the first record to the last receipt.
 *
 * One request is in flight for a partition, and a batch takes records until it is on its way. That keeps the records'
 * order whatever is sent again, without the reordering that several requests on several connections would need the
 * server to undo; and it costs little, because what arrives meanwhile makes the next batch larger. Several partitions
 * have requests in flight at the same time.
 */
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import { encodeBatch } from '../../log/record-batch/encode.ts';
import type { JsonProduceBatchesAnswer } from '../api.ts';
import { MillraceClientError } from '../errors.ts';
import { BATCHES_TYPE, jsonOf, pauseMs, recordsPath, type Transport } from '../transport.ts';
import { Batch } from './batch.ts';
import { type Deadlines, orAborted } from './deadlines.ts';
import type { ProducerEpoch, ProducerIdentity } from './identity.ts';
import type { KnownTopics } from './known-topics.ts';
import type { ProducerSettings } from './options.ts';
import type { BufferedRecord, DeliveryResult } from './record.ts';
import type { Slots } from './slots.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** What all partitions of a producer share. */
export interface SenderContext {
  settings: ProducerSettings;
  clock: Clock;
  random: Random;
  /** One attempt: this sender decides about others. */
  attempt: Transport;
  /** `undefined`: without idempotence. */
  identity: ProducerIdentity | undefined;
  slots: Slots;
  topics: KnownTopics;
  deadlines: Deadlines;
  settle: (record: BufferedRecord, result: DeliveryResult) => void;
  /** Nothing more joins the batch that was open for this partition. */
  batchClosed: (topic: string, partition: number) => void;
  /** Another producer has this one's id. */
  fenced: (error: MillraceClientError) => void;
}

/** Sequences are of 31 bits and begin at 0 again (Kafka's DefaultRecordBatch.incrementSequence). */
const SEQUENCES = 2 ** 31;

export class PartitionSender {
  private readonly context: SenderContext;
  private readonly topic: string;
  private readonly partition: number;
  private readonly queue: Batch[] = [];
  private running = false;
  /** The epoch that `nextSequence` belongs to. */
  private epoch: ProducerEpoch | undefined;
  private nextSequence = 0;

  constructor(context: SenderContext, topic: string, partition: number) {
    this.context = context;
    this.topic = topic;
    this.partition = partition;
  }

  /** `hurry`: without waiting for more. */
  append(record: BufferedRecord, hurry: boolean): void {
    const { batchBytesMax, batchRecordsMax } = this.context.settings;
    let batch = this.queue.at(-1);
    if (batch === undefined || batch.closed || batch.bytes + record.bytes > batchBytesMax) {
      if (batch !== undefined) this.close(batch);
      batch = this.begin();
    }
    batch.add(record);
    if (batch.records.length >= batchRecordsMax || batch.bytes >= batchBytesMax) this.close(batch);
    if (hurry) this.ripen(batch);
  }

  /** Sends what there is without waiting for more. */
  hurry(): void {
    const last = this.queue.at(-1);
    if (last !== undefined) this.ripen(last);
  }

  private begin(): Batch {
    const { clock, settings } = this.context;
    const batch = new Batch(clock.monotonic());
    this.queue.push(batch);
    if (settings.lingerMs === 0) this.ripen(batch);
    else void clock.sleep(settings.lingerMs, batch.lingered.signal).then(() => this.ripen(batch));
    return batch;
  }

  private close(batch: Batch): void {
    if (batch.closed) return;
    batch.closed = true;
    this.context.batchClosed(this.topic, this.partition);
    this.ripen(batch);
  }

  private ripen(batch: Batch): void {
    if (batch.ready) return;
    batch.ready = true;
    batch.lingered.abort(null);
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let batch = this.queue[0]; batch?.ready === true; batch = this.queue[0]) await this.deliver(batch);
    this.running = false;
  }

  /** Afterwards the batch is settled, or at the front of the queue in another shape. */
  private async deliver(batch: Batch): Promise<void> {
    const { identity, deadlines, settings } = this.context;
    const deadline = deadlines.begin(batch.createdMs + settings.deliveryTimeoutMs);
    let entered = false;
    try {
      const epoch = await identity?.enter(deadline.signal);
      entered = epoch !== undefined;
      await this.attempts(batch, epoch, deadline.signal);
    } catch (error) {
      if (!(error instanceof MillraceClientError)) throw error;
      this.fail(batch, error);
    } finally {
      deadline.end();
      if (entered) identity?.leave();
    }
  }

  /** Throws where the time is over. */
  private async attempts(batch: Batch, epoch: ProducerEpoch | undefined, signal: AbortSignal): Promise<void> {
    const { clock, random, identity, fenced } = this.context;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.attempt(batch, epoch, signal);
      if (!('error' in outcome)) return this.written(batch, outcome.baseOffset);
      const { error } = outcome;
      const verdict = await this.verdict(error, batch, signal);
      switch (verdict) {
        case 'retry':
          batch.lastError = error;
          await clock.sleep(pauseMs(random, attempt, error), signal);
          signal.throwIfAborted();
          break;
        case 'written':
          return this.written(batch, undefined);
        case 'split':
          this.queue.splice(0, 1, ...batch.halves());
          return;
        case 'renumber':
          batch.renumbered = true;
          return identity?.wantNewEpoch();
        case 'fence':
          this.fail(batch, error);
          return fenced(error);
        case 'fail':
          return this.fail(batch, error);
      }
    }
  }

  /** Throws where the time is over. */
  private async attempt(
    batch: Batch,
    epoch: ProducerEpoch | undefined,
    signal: AbortSignal,
  ): Promise<{ baseOffset?: number } | { error: MillraceClientError }> {
    const { slots, attempt } = this.context;
    await slots.acquire(signal);
    try {
      this.close(batch);
      if (epoch !== this.epoch) {
        this.epoch = epoch;
        this.nextSequence = 0;
      }
      const answer = await attempt({ ...this.request(batch, epoch), signal });
      return { baseOffset: (jsonOf(answer) as JsonProduceBatchesAnswer).base_offset };
    } catch (error) {
      if (signal.aborted) {
        batch.maybeWritten = true;
        throw error;
      }
      if (!(error instanceof MillraceClientError)) throw error;
      if (error.effect === 'unknown') batch.maybeWritten = true;
      return { error };
    } finally {
      slots.release();
    }
  }

  private request({ records }: Batch, epoch: ProducerEpoch | undefined) {
    const { acks } = this.context.settings;
    const numbered =
      epoch === undefined
        ? {}
        : { producerId: epoch.producerId, producerEpoch: epoch.epoch, baseSequence: this.nextSequence };
    return {
      method: 'POST' as const,
      path: recordsPath(this.topic, this.partition),
      query: acks === 'all' ? {} : { acks },
      headers: { 'content-type': BATCHES_TYPE },
      body: encodeBatch(records, numbered),
    };
  }

  private async verdict(error: MillraceClientError, batch: Batch, signal: AbortSignal): Promise<Verdict> {
    if (error.code === 'UNKNOWN_TOPIC_OR_PARTITION' && !(await this.isThere(signal))) return 'fail';
    return verdictOf(error, {
      idempotent: this.context.identity !== undefined,
      records: batch.records.length,
      maybeWritten: batch.maybeWritten,
      renumbered: batch.renumbered,
    });
  }

  /** A server may know of a new topic or partition a little later than another one. */
  private async isThere(signal: AbortSignal): Promise<boolean> {
    try {
      const topic = await orAborted(this.context.topics.refreshed(this.topic), signal);
      return topic !== undefined && this.partition < topic.partitions;
    } catch (error) {
      signal.throwIfAborted();
      // Where the topic cannot be described either, nothing is known.
      return error instanceof MillraceClientError && error.code !== 'UNKNOWN_TOPIC_OR_PARTITION';
    }
  }

  private written(batch: Batch, baseOffset: number | undefined): void {
    this.nextSequence = (this.nextSequence + batch.records.length) % SEQUENCES;
    const { settle, topics } = this.context;
    const stampedThere = topics.last(this.topic)?.appendTime === true;
    const { topic, partition } = this;
    this.queue.shift();
    for (let index = 0; index < batch.records.length; index++) {
      const record = batch.records[index] as BufferedRecord;
      settle(record, {
        topic,
        partition,
        offset: baseOffset === undefined ? undefined : baseOffset + index,
        timestamp: stampedThere ? undefined : record.timestamp,
      });
    }
  }

  private fail(batch: Batch, reason: MillraceClientError): void {
    this.close(batch);
    // Where it may be in the log its sequence is taken, or is not: only another epoch is sure to begin after it.
    if (batch.maybeWritten) this.context.identity?.wantNewEpoch();
    const error = undelivered(batch, reason);
    this.queue.shift();
    for (const record of batch.records) this.context.settle(record, { error });
  }
}

/** The reason, with what all attempts together may have done. */
function undelivered({ maybeWritten, lastError }: Batch, reason: MillraceClientError): MillraceClientError {
  const effect = maybeWritten ? 'unknown' : 'none';
  const cause = reason.cause ?? lastError;
  const detail =
    lastError === undefined || cause !== lastError
      ? reason.message
      : `${reason.message} The last attempt: ${lastError.message}`;
  if (effect === reason.effect && cause === reason.cause) return reason;
  const { status, retriable, facts } = reason;
  return new MillraceClientError(reason.code, detail, { status, retriable, effect, facts, cause });
}
