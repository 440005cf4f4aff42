/** Kafka's clients for Node, as far as tests use them: they are installed beside the package, by `npm run peers`. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const kafkajsHome = new URL('../node_modules/kafkajs/', import.meta.url);
const platformaticHome = new URL('../node_modules/@platformatic/kafka/dist/', import.meta.url);

export function nodeClientsMissing(): string | undefined {
  const missing = [kafkajsHome, platformaticHome].some((home) => !existsSync(home));
  return missing ? 'kafkajs or @platformatic/kafka is not installed: run `npm run peers`' : undefined;
}

export interface KafkajsMessage {
  value: string;
  partition?: number;
}

export interface KafkajsTransaction {
  send(records: { topic: string; messages: KafkajsMessage[] }): Promise<unknown>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

export interface KafkajsProducer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  send(records: { topic: string; messages: KafkajsMessage[] }): Promise<{ partition: number; baseOffset: string }[]>;
  transaction(): Promise<KafkajsTransaction>;
}

export interface KafkajsConsumer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  subscribe(options: { topics: string[]; fromBeginning: boolean }): Promise<void>;
  run(options: {
    autoCommitInterval: number;
    eachMessage(delivery: { partition: number; message: { offset: string; value: Buffer } }): Promise<void>;
  }): Promise<void>;
}

interface Retry {
  retries: number;
  maxRetryTime?: number;
  restartOnFailure?: () => Promise<boolean>;
}

export interface Kafkajs {
  producer(options: {
    idempotent: boolean;
    maxInFlightRequests: number;
    transactionalId?: string;
    retry?: Retry;
  }): KafkajsProducer;
  consumer(options: {
    groupId: string;
    maxWaitTimeInMs?: number;
    sessionTimeout?: number;
    retry?: Retry;
  }): KafkajsConsumer;
}

export function openKafkajs(options: { brokers: string[]; retry?: Retry }): Kafkajs {
  const { Kafka } = createRequire(kafkajsHome)('kafkajs') as {
    Kafka: new (options: { brokers: string[]; retry?: Retry; logLevel: number }) => Kafkajs;
  };
  endFetchersOfStoppedConsumers();
  return new Kafka({ ...options, logLevel: 0 });
}

interface KafkajsRunner {
  running: boolean;
  fetch: (this: KafkajsRunner, nodeId: string) => Promise<unknown[]>;
}

let isMended = false;

/**
 * A consumer of kafkajs 2.2.4 that stops, or gives up, just when its brokers have changed begins new fetchers that
 * nobody ends: they ask for nothing for ever, without a turn of the event loop between, so that nothing else happens in
 * the process. Here the first one that asks for a stopped consumer ends them, as if its broker had failed.
 */
function endFetchersOfStoppedConsumers(): void {
  if (isMended) return;
  isMended = true;
  const Runner = createRequire(kafkajsHome)('kafkajs/src/consumer/runner') as { prototype: KafkajsRunner };
  const { fetch } = Runner.prototype;
  Runner.prototype.fetch = async function (nodeId) {
    if (!this.running) throw new Error('the consumer has stopped');
    return fetch.call(this, nodeId);
  };
}

export interface PlatformaticMessage {
  topic: string;
  partition: number;
  offset: bigint;
  value: string;
}

export interface PlatformaticStream extends AsyncIterable<PlatformaticMessage> {
  close(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export interface PlatformaticProducer {
  send(options: {
    messages: { topic: string; partition: number; value: string }[];
  }): Promise<{ offsets?: { partition: number; offset: bigint }[] }>;
  close(): Promise<void>;
}

export interface PlatformaticConsumer {
  consume(options: {
    topics: string[];
    mode: 'committed';
    fallbackMode: 'earliest';
    autocommit: number;
    maxWaitTime: number;
  }): Promise<PlatformaticStream>;
  close(force: boolean): Promise<void>;
}

interface PlatformaticOptions {
  clientId: string;
  bootstrapBrokers: string[];
  retries?: number;
  retryDelay?: number;
}

export interface Platformatic {
  Producer: new (
    options: PlatformaticOptions & { idempotent: boolean; serializers: { value: unknown } },
  ) => PlatformaticProducer;
  Consumer: new (
    options: PlatformaticOptions & {
      groupId: string;
      groupProtocol: 'consumer' | 'classic';
      deserializers: { value: unknown };
    },
  ) => PlatformaticConsumer;
  stringSerializer: unknown;
  stringDeserializer: unknown;
}

export async function openPlatformatic(): Promise<Platformatic> {
  return (await import(new URL('index.js', platformaticHome).pathname)) as Platformatic;
}
