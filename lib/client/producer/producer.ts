/**
 * The producer: records in, receipts out, batches between.
 *
 *     await using producer = client.producer({ valueSerializer: json<Order>() });
 *     const [receipt] = await producer.send({ topic: 'orders', records: [{ key: 'ada', value: { total: 12 } }] });
 *
 * A record goes through three places: it waits for what its topic is, then for room in the buffer, then in a batch of its
 * partition (partition-sender.ts). In each of them it is behind those that were sent before it.
 */

import { clientLimits } from '../../kernel/limits/client.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { BATCH_OVERHEAD } from '../../log/record-batch/header.ts';
import type { JsonProducer } from '../api.ts';
import { MillraceClientError } from '../errors.ts';
import { topicsClient } from '../topics.ts';
import { createTransport, jsonOf, type TransportOptions } from '../transport.ts';
import { RecordBuffer } from './buffer.ts';
import { Deadlines } from './deadlines.ts';
import { type ProducerEpoch, ProducerIdentity } from './identity.ts';
import { KnownTopics } from './known-topics.ts';
import { type ProducerOptions, type ProducerSettings, settingsOf } from './options.ts';
import { PartitionSender, type SenderContext } from './partition-sender.ts';
import { PartitionChooser } from './partitioners.ts';
import {
  type BufferedRecord,
  type DeliveryResult,
  FlushRound,
  type ProducerRecord,
  type Receipt,
  SendCall,
  serializeRecord,
} from './record.ts';
import { Slots } from './slots.ts';

export interface Producer<Key, Value> extends AsyncDisposable {
  /**
   * Resolves with a receipt for each record, in their order, when all are delivered. Records of one partition are
   * written in the order of the calls, awaited or not. Rejects with a `MillraceClientError`, a `SendError` with the
   * outcome of each where there were several records; with `TypeError` or `RangeError`, and nothing sent, where a
   * record is none, and with whatever a serializer throws.
   */
  send(message: { topic: string; records: readonly ProducerRecord<Key, Value>[] }): Promise<Receipt[]>;
  /** Sends what waits for more, and resolves when all that was sent before is settled, one way or the other. */
  flush(): Promise<void>;
  /** Takes nothing more, and flushes. What is not settled after `timeoutMs` fails with `PRODUCER_CLOSED`. */
  close(options?: { timeoutMs?: number }): Promise<void>;
}

export function createProducer<Key, Value>(
  transport: TransportOptions,
  options: ProducerOptions<Key, Value>,
): Producer<Key, Value> {
  return new BatchingProducer(transport, settingsOf(options));
}

class BatchingProducer implements Producer<unknown, unknown> {
  private readonly settings: ProducerSettings;
  private readonly transport: TransportOptions;
  private readonly context: SenderContext;
  private readonly topics: KnownTopics;
  private readonly buffer: RecordBuffer;
  private readonly chooser: PartitionChooser;
  private readonly deadlines: Deadlines;
  private readonly senders = new Map<string, PartitionSender[]>();
  /** Records whose topic is being read, by topic. */
  private readonly untopical = new Map<string, BufferedRecord[]>();
  private round = new FlushRound();
  /** Resolves when the rounds that are sealed have ended. */
  private rounds: Promise<unknown> = Promise.resolve();
  private flushing = 0;
  private refusal: MillraceClientError | undefined;
  private closed: Promise<void> | undefined;

  constructor(transport: TransportOptions, settings: ProducerSettings) {
    const { clock, random } = transport;
    const send = createTransport(transport);
    this.settings = settings;
    this.transport = transport;
    this.topics = new KnownTopics({
      describe: (name, signal) => topicsClient(send).describe(name, { signal }),
      clock,
      ageMsMax: settings.topicAgeMsMax,
      readMsMax: settings.waitMsMax,
    });
    this.chooser = new PartitionChooser(settings.partitioner, random);
    this.deadlines = new Deadlines(clock);
    this.buffer = new RecordBuffer({
      bytesMax: settings.bufferBytesMax,
      whenFull: settings.whenFull,
      waitMsMax: settings.waitMsMax,
      clock,
      admit: (record) => this.admit(record),
      refuse: (record, error) => this.settle(record, { error }),
    });
    this.context = {
      settings,
      clock,
      random,
      attempt: createTransport({ ...transport, attemptsMax: 1 }),
      identity: settings.idempotence ? new ProducerIdentity(() => newProducerId(send)) : undefined,
      slots: new Slots(settings.inFlightMax),
      topics: this.topics,
      deadlines: this.deadlines,
      settle: (record, result) => {
        this.settle(record, result);
        this.buffer.release(record.bytes);
      },
      batchClosed: (topic, partition) =>
        this.chooser.batchClosed(topic, partition, this.topics.last(topic)?.partitions ?? 1),
      fenced: (error) => this.stop(error),
    };
  }

  send({
    topic,
    records,
  }: {
    topic: string;
    records: readonly ProducerRecord<unknown, unknown>[];
  }): Promise<Receipt[]> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    let call: SendCall;
    let buffered: BufferedRecord[];
    try {
      checkMessage(topic, records);
      if (records.length === 0) return Promise.resolve([]);
      call = new SendCall(records.length, this.round);
      buffered = this.serialize(topic, records, call);
    } catch (error) {
      return Promise.reject(error);
    }
    this.round.begun();
    // Who is told of each delivery need not look at the call.
    if (this.settings.onDelivery !== undefined) call.receipts.catch(() => {});
    for (const record of buffered) this.place(record);
    return call.receipts;
  }

  async flush(): Promise<void> {
    const rounds = Promise.all([this.rounds, this.round.seal()]);
    this.rounds = rounds;
    this.round = new FlushRound();
    this.flushing++;
    for (const senders of this.senders.values()) for (const sender of senders) sender?.hurry();
    await rounds;
    this.flushing--;
  }

  close({ timeoutMs }: { timeoutMs?: number } = {}): Promise<void> {
    this.closed ??= this.closeIn(timeoutMs);
    return this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async closeIn(timeoutMs: number | undefined): Promise<void> {
    const closed = new MillraceClientError('PRODUCER_CLOSED', 'the producer is closed', {
      retriable: false,
      effect: 'none',
    });
    this.refusal ??= closed;
    const ended = new AbortController();
    if (timeoutMs !== undefined) {
      void this.transport.clock.sleep(timeoutMs, ended.signal).then(() => {
        if (!ended.signal.aborted) this.stop(closed);
      });
    }
    await this.flush();
    ended.abort(null);
  }

  /** Everything that is not settled fails with this, and so does everything that comes. */
  private stop(reason: MillraceClientError): void {
    this.refusal = reason;
    this.deadlines.stop(reason);
    for (const records of this.untopical.values()) for (const record of records) this.settle(record, { error: reason });
    this.untopical.clear();
    this.buffer.close(reason);
    for (const senders of this.senders.values()) for (const sender of senders) sender?.hurry();
  }

  private serialize(
    topic: string,
    records: readonly ProducerRecord<unknown, unknown>[],
    call: SendCall,
  ): BufferedRecord[] {
    const { clock } = this.transport;
    const nowMs = clock.now();
    const waitsUntilMs = clock.monotonic() + this.settings.waitMsMax;
    const context = { topic, call, nowMs, waitsUntilMs, serializers: this.settings };
    return records.map((record, index) => serializeRecord(record, index, context));
  }

  /** Into the buffer, or to those who wait for what the topic is. */
  private place(record: BufferedRecord): void {
    const { topic } = record;
    if (BATCH_OVERHEAD + record.bytes > requestLimits.requestBodyBytesMax) {
      const detail = `a record of ${record.bytes} bytes does not fit a request of ${requestLimits.requestBodyBytesMax}`;
      const error = new MillraceClientError('MESSAGE_TOO_LARGE', detail, { retriable: false, effect: 'none' });
      return this.settle(record, { error });
    }
    const waiting = this.untopical.get(topic);
    if (waiting !== undefined) {
      if (waiting.length < clientLimits.clientWaitingRecordsMax) waiting.push(record);
      else this.settle(record, { error: tooManyWait(topic) });
    } else if (this.topics.current(topic) !== undefined) {
      this.buffer.offer(record);
    } else {
      this.untopical.set(topic, [record]);
      void this.readTopic(topic);
    }
  }

  private async readTopic(topic: string): Promise<void> {
    let failure: MillraceClientError | undefined;
    try {
      await this.topics.read(topic);
    } catch (error) {
      failure = notDescribed(topic, error);
    }
    const waiting = this.untopical.get(topic) ?? [];
    this.untopical.delete(topic);
    for (const record of waiting) {
      if (failure === undefined) this.buffer.offer(record);
      else this.settle(record, { error: failure });
    }
  }

  /** There is room for the record. */
  private admit(record: BufferedRecord): void {
    let { partition } = record;
    try {
      partition ??= this.chooser.choose(record, this.topics.last(record.topic)?.partitions ?? 1);
    } catch (cause) {
      const detail = `the partitioner: ${cause instanceof Error ? cause.message : String(cause)}`;
      const error = new MillraceClientError('PARTITIONER_FAILED', detail, { retriable: false, effect: 'none', cause });
      return this.context.settle(record, { error });
    }
    this.sender(record.topic, partition).append(record, this.flushing > 0);
  }

  private sender(topic: string, partition: number): PartitionSender {
    let senders = this.senders.get(topic);
    if (senders === undefined) {
      senders = [];
      this.senders.set(topic, senders);
    }
    senders[partition] ??= new PartitionSender(this.context, topic, partition);
    return senders[partition];
  }

  private settle({ topic, given, call, index }: BufferedRecord, result: DeliveryResult): void {
    const { onDelivery } = this.settings;
    if (onDelivery !== undefined) {
      const outcome = 'error' in result ? { error: result.error } : { receipt: result };
      try {
        onDelivery({ topic, record: given, ...outcome });
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    call.settle(index, result);
  }
}

function checkMessage(topic: unknown, records: unknown): void {
  if (typeof topic === 'string' && Array.isArray(records)) return;
  throw new TypeError('send takes {topic, records}: the name of a topic, and an array');
}

async function newProducerId(send: ReturnType<typeof createTransport>): Promise<ProducerEpoch> {
  // An id that nobody uses costs nothing.
  const answer = await send({
    method: 'POST',
    path: ['v1', 'producers'],
    headers: { 'content-type': 'application/json' },
    body: '{}',
    repeatable: true,
  });
  const { producer_id: id, producer_epoch: epoch } = jsonOf(answer) as Partial<JsonProducer>;
  if (Number.isSafeInteger(id) && Number.isSafeInteger(epoch))
    return { producerId: BigInt(id ?? 0), epoch: epoch ?? 0 };
  const detail = 'the answer to POST /v1/producers has no producer_id or producer_epoch';
  throw new MillraceClientError('UNEXPECTED_ANSWER', detail, { retriable: false, effect: 'none' });
}

function tooManyWait(topic: string): MillraceClientError {
  const detail = `${clientLimits.clientWaitingRecordsMax} records wait for what topic "${topic}" is already`;
  return new MillraceClientError('BUFFER_FULL', detail, { retriable: true, effect: 'none' });
}

/**
 * An error that is none of the client's, such as `TypeError` for a name that no path can have, becomes one of its own.
 */
function notDescribed(topic: string, error: unknown): MillraceClientError {
  if (error instanceof MillraceClientError) return error;
  const detail = `topic "${topic}": ${error instanceof Error ? error.message : String(error)}`;
  return new MillraceClientError('INVALID_TOPIC', detail, { retriable: false, effect: 'none', cause: error });
}
