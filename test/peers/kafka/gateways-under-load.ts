/**
 * Clients as they come with Node that write and read through some gateways until they are told to stop, and what they
 * were told meanwhile: idempotent producers, one with transactions, a classic group and one of KIP-848. Each client
 * begins with another of the addresses.
 */
import {
  type KafkajsConsumer,
  type KafkajsProducer,
  openKafkajs,
  openPlatformatic,
  type Platformatic,
  type PlatformaticStream,
} from '../support/node-clients.ts';

/** As Java's clients do for two minutes: a client that has patience need not see any failure. */
const PATIENCE = { retries: 12, maxRetryTime: 3_000 };
const SESSION_MS = 8_000;
const PRODUCE_PAUSE_MS = 5;
const TRANSACTION_PAUSE_MS = 20;

export interface LoadOptions {
  addresses: readonly string[];
  topic: string;
  transactedTopic: string;
  partitions: number;
  classicGroup: string;
  consumerGroup: string;
  transactionalId: string;
}

export interface Acked {
  partition: number;
  offset: number;
  value: string;
}

export class Load {
  /** By producer. */
  readonly acked: Acked[][] = [];
  /** By member of the group: what it was given, in that order. */
  readonly delivered = { classic: [[], []] as Acked[][], consumer: [[], []] as Acked[][] };
  /** Values of transactions, two each. */
  readonly committed: string[] = [];
  /** Of transactions that have failed before their commit. */
  readonly aborted: string[] = [];
  /** What failed in spite of the clients' retries, by client. */
  readonly failures: string[] = [];
  /** Transactions that failed: kafkajs tries nothing again in them, and its users begin them anew. */
  readonly brokenTransactions: string[] = [];
  readonly #options: LoadOptions;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #closers: (() => Promise<unknown>)[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const platformatic = await openPlatformatic();
    await Promise.all([
      this.#startKafkajsMember(0),
      this.#startKafkajsMember(1),
      this.#startPlatformaticMember(platformatic, 0),
      this.#startPlatformaticMember(platformatic, 1),
    ]);
    for (const producer of [0, 1]) this.#running.push(this.#produceWithKafkajs(producer));
    for (const producer of [2, 3]) this.#running.push(this.#produceWithPlatformatic(platformatic, producer));
    this.#running.push(this.#transact());
  }

  /** No more is written; what is under way has been answered. */
  async stopProducers(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#running);
  }

  async close(): Promise<void> {
    await this.stopProducers();
    await Promise.all(this.#closers.map((close) => close()));
  }

  #addressesFrom(client: number): string[] {
    const { addresses } = this.#options;
    const first = client % addresses.length;
    return [...addresses.slice(first), ...addresses.slice(0, first)];
  }

  async #produceWithKafkajs(number: number): Promise<void> {
    const kafka = openKafkajs({ brokers: this.#addressesFrom(number), retry: PATIENCE });
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, retry: PATIENCE });
    await producer.connect();
    this.#closers.push(() => producer.disconnect());
    const { topic } = this.#options;
    await this.#produce(number, async (partition, value) => {
      const [sent] = await producer.send({ topic, messages: [{ partition, value }] });
      return Number(sent?.baseOffset);
    });
  }

  async #produceWithPlatformatic({ Producer, stringSerializer }: Platformatic, number: number): Promise<void> {
    const producer = new Producer({
      clientId: `producer-${number}`,
      bootstrapBrokers: this.#addressesFrom(number),
      idempotent: true,
      serializers: { value: stringSerializer },
      retries: 60,
      retryDelay: 300,
    });
    this.#closers.push(() => producer.close());
    const { topic } = this.#options;
    await this.#produce(number, async (partition, value) => {
      const { offsets } = await producer.send({ messages: [{ topic, partition, value }] });
      return Number(offsets?.[0]?.offset);
    });
  }

  /** One value after the other, to the partitions in turn. */
  async #produce(number: number, send: (partition: number, value: string) => Promise<number>): Promise<void> {
    const acked: Acked[] = [];
    this.acked[number] = acked;
    for (let count = 0; !this.#stopped.signal.aborted; count++) {
      const partition = count % this.#options.partitions;
      const value = `${number}/${count}`;
      try {
        acked.push({ partition, offset: await send(partition, value), value });
      } catch (error) {
        this.failures.push(`producer ${number}, ${value}: ${String(error)}`);
      }
      await pause(PRODUCE_PAUSE_MS);
    }
  }

  /** Transactions of two records, with a new producer after each that fails, as applications do it. */
  async #transact(): Promise<void> {
    const { transactionalId } = this.#options;
    const kafka = openKafkajs({ brokers: this.#addressesFrom(0), retry: PATIENCE });
    const options = { idempotent: true, maxInFlightRequests: 1, transactionalId, retry: PATIENCE };
    let producer: KafkajsProducer | undefined;
    this.#closers.push(async () => producer?.disconnect());
    for (let count = 0; !this.#stopped.signal.aborted; count++) {
      try {
        if (producer === undefined) {
          producer = kafka.producer(options);
          await producer.connect();
        }
        await this.#transactOnce(producer, [`${count}a`, `${count}b`]);
      } catch (error) {
        this.brokenTransactions.push(String(error));
        await producer?.disconnect();
        producer = undefined;
      }
      await pause(TRANSACTION_PAUSE_MS);
    }
  }

  async #transactOnce(producer: KafkajsProducer, values: readonly string[]): Promise<void> {
    const { transactedTopic: topic } = this.#options;
    let isCommitting = false;
    try {
      const transaction = await producer.transaction();
      for (const [partition, value] of values.entries()) {
        await transaction.send({ topic, messages: [{ partition, value }] });
      }
      isCommitting = true;
      await transaction.commit();
      this.committed.push(...values);
    } catch (error) {
      // What became of a commit without an answer is not known; nothing else is stored.
      if (!isCommitting) this.aborted.push(...values);
      throw error;
    }
  }

  async #startKafkajsMember(member: number): Promise<void> {
    const { topic, classicGroup } = this.#options;
    const kafka = openKafkajs({ brokers: this.#addressesFrom(member), retry: PATIENCE });
    const consumer: KafkajsConsumer = kafka.consumer({
      groupId: classicGroup,
      maxWaitTimeInMs: 300,
      // A member that begins anew is another one to the group, which waits so long for the one that it was.
      sessionTimeout: SESSION_MS,
      retry: PATIENCE,
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommitInterval: 200,
      eachMessage: async ({ partition, message }) => {
        const { offset, value } = message;
        this.delivered.classic[member]?.push({ partition, offset: Number(offset), value: value.toString() });
      },
    });
    this.#closers.push(() => consumer.disconnect());
  }

  async #startPlatformaticMember({ Consumer, stringDeserializer }: Platformatic, member: number): Promise<void> {
    const { topic, consumerGroup } = this.#options;
    const consumer = new Consumer({
      clientId: `member-${member}`,
      groupId: consumerGroup,
      groupProtocol: 'consumer',
      bootstrapBrokers: this.#addressesFrom(member),
      deserializers: { value: stringDeserializer },
      retries: 60,
      retryDelay: 300,
    });
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: 200,
      maxWaitTime: 300,
    });
    void this.#note(stream, member);
    this.#closers.push(async () => {
      try {
        await stream.close();
      } catch (error) {
        if (!isOfMovedPartitions(error)) throw error;
      }
      await consumer.close(true);
    });
  }

  async #note(stream: PlatformaticStream, member: number): Promise<void> {
    try {
      for await (const { partition, offset, value } of stream) {
        this.delivered.consumer[member]?.push({ partition, offset: Number(offset), value });
      }
    } catch (error) {
      this.failures.push(`member ${member}: ${String(error)}`);
    }
  }
}

/** The client's last commit came when its partitions were another member's already, which the gateway refuses. */
function isOfMovedPartitions(error: unknown): boolean {
  const refusals: { apiId?: string }[] = error instanceof AggregateError ? error.errors : [];
  return refusals.length > 0 && refusals.every(({ apiId }) => apiId === 'INVALID_REQUEST');
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
