/**
 * Lambda's event source mapping of a table's stream: polls the shards four times a second, drops what the filter does
 * not pass, and hands the rest to a function, in order, up to 100 records at a time. DynamoDB Local serves the stream;
 * this is the test's.
 *
 * Unlike Lambda it has one batch of a shard under way at a time, and does not halve a batch that fails.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeStreamCommand,
  DescribeTableCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '../../support/aws-sdk.ts';
import type { Dynamo } from './dynamo.ts';
import { type EventPattern, matchesPattern } from './event-pattern.ts';
import type { Outcome } from './runtime-api.ts';

export interface StreamMappingOptions {
  dynamo: Dynamo;
  table: string;
  /** A record passes that matches any of them. */
  patterns: readonly EventPattern[];
  /** Of the function. */
  invoke: (event: { Records: unknown[] }) => Promise<Outcome>;
}

export interface StreamMapping {
  /** Records of the stream, those of them that passed the filter, and calls of the function. */
  readonly counts: { records: number; passed: number; invocations: number };
  /** Rejects where polling failed, or the function did with all of its attempts. */
  close(): Promise<void>;
}

const POLL_MS = 250;
const BATCH_SIZE = 100;
const ATTEMPTS = 4;
/** How many polls go by between looks for new shards. */
const POLLS_PER_LOOK = 20;

/** Begins with what is written from now on (LATEST). */
export async function startStreamMapping(options: StreamMappingOptions): Promise<StreamMapping> {
  const { dynamo, table } = options;
  const { credentials } = dynamo.client.config;
  const client = new DynamoDBStreamsClient({ endpoint: dynamo.endpoint, region: 'eu-west-1', credentials });
  const { Table } = await dynamo.client.send(new DescribeTableCommand({ TableName: table }));
  const shards = new Shards(client, Table?.LatestStreamArn as string);
  await shards.look('LATEST');
  const counts = { records: 0, passed: 0, invocations: 0 };
  const closed = new AbortController();
  const polling = poll(shards, options, counts, closed.signal);
  // Whoever closes hears of it.
  polling.catch(() => {});
  return {
    counts,
    close: async () => {
      closed.abort();
      try {
        await polling;
      } finally {
        client.destroy();
      }
    },
  };
}

async function poll(
  shards: Shards,
  { patterns, invoke }: StreamMappingOptions,
  counts: StreamMapping['counts'],
  signal: AbortSignal,
): Promise<void> {
  for (let polls = 1; !signal.aborted; polls++) {
    const records = await shards.read();
    const passed = records.filter((record) => patterns.some((pattern) => matchesPattern(pattern, record)));
    counts.records += records.length;
    counts.passed += passed.length;
    for (let first = 0; first < passed.length; first += BATCH_SIZE) {
      counts.invocations += await deliver(invoke, passed.slice(first, first + BATCH_SIZE));
    }
    if (polls % POLLS_PER_LOOK === 0) await shards.look('TRIM_HORIZON');
    await sleep(POLL_MS);
  }
}

/** How often the function was called. */
async function deliver(invoke: StreamMappingOptions['invoke'], Records: unknown[]): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await invoke({ Records });
    if (outcome.kind !== 'error') return attempt;
    if (attempt === ATTEMPTS) throw new Error(`a batch of the stream was not taken: ${outcome.error.errorMessage}`);
  }
}

class Shards {
  private readonly client: DynamoDBStreamsClient;
  private readonly streamArn: string;
  /** Of shards; of one that is closed and read, nothing. */
  private readonly iterators = new Map<string, string | undefined>();

  constructor(client: DynamoDBStreamsClient, streamArn: string) {
    this.client = client;
    this.streamArn = streamArn;
  }

  /** Takes up shards that are not known. */
  async look(type: 'LATEST' | 'TRIM_HORIZON'): Promise<void> {
    const { StreamDescription } = await this.client.send(new DescribeStreamCommand({ StreamArn: this.streamArn }));
    for (const { ShardId } of StreamDescription?.Shards ?? []) {
      if (ShardId === undefined || this.iterators.has(ShardId)) continue;
      const of = { StreamArn: this.streamArn, ShardId, ShardIteratorType: type };
      const { ShardIterator } = await this.client.send(new GetShardIteratorCommand(of));
      this.iterators.set(ShardId, ShardIterator);
    }
  }

  /** As Lambda renders them: bytes are base64, times seconds. */
  async read(): Promise<unknown[]> {
    const read: unknown[] = [];
    for (const [shard, ShardIterator] of this.iterators) {
      if (ShardIterator === undefined) continue;
      const { Records = [], NextShardIterator } = await this.client.send(new GetRecordsCommand({ ShardIterator }));
      this.iterators.set(shard, NextShardIterator);
      for (const record of Records) read.push({ ...(rendered(record) as object), eventSourceARN: this.streamArn });
    }
    return read;
  }
}

function rendered(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Date) return Math.floor(value.getTime() / 1_000);
  if (Array.isArray(value)) return value.map(rendered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, rendered(inner)]));
}
