/**
 * Records in every compression there is, written by one client and read by the others: kcat (librdkafka), kafkajs with
 * codecs that are not this package's, and the HTTP API, whose records the broker compresses as the topic's
 * `compression.type` says.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { MIB } from '../../../lib/kernel/limits/sizes.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import { KafkaTestClient } from '../../kafka/support/kafka-test-client.ts';
import { startTestServer } from '../../support/cli.ts';
import { describeWithPeer } from '../support/peer.ts';

const run = promisify(execFile);
const home = new URL('../node_modules/', import.meta.url);
const packages = ['kafkajs', 'kafkajs-snappy', '@platformatic/wasm-utils'];
const kcat = ['/usr/bin/kcat', '/usr/local/bin/kcat', '/opt/homebrew/bin/kcat'].find((path) => existsSync(path));

function missing(): string | undefined {
  const absent = packages.find((name) => !existsSync(new URL(name, home)));
  if (absent !== undefined) return `${absent} is not installed: run \`npm run peers\``;
  return kcat === undefined ? 'kcat is not installed' : undefined;
}

/** As a record batch's attributes number them. */
const NUMBERS = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
type Codec = keyof typeof NUMBERS;
const CODECS = Object.keys(NUMBERS) as Codec[];

const BYTES_MAX = 16 * MIB;

/** Long enough for several blocks of LZ4 and of snappy's framing, and not as compressible as to be one repeat. */
const VALUES = Array.from({ length: 400 }, (_, at) => `${at} ${String(at ** 5).repeat(20)} ${'ä€𝄞'.repeat(at % 7)}.`);

interface Codecs {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}
/** What is used of kafkajs. */
interface Producer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  send(records: { topic: string; compression: number; messages: { value: string }[] }): Promise<unknown>;
}
interface Consumer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  subscribe(topics: { topic: string; fromBeginning: boolean }): Promise<void>;
  run(options: { eachMessage(delivery: { message: { value: Buffer } }): Promise<void> }): Promise<void>;
}
interface Kafkajs {
  producer(): Producer;
  consumer(options: { groupId: string }): Consumer;
}

function openKafkajs(bootstrap: string): Kafkajs {
  const require = createRequire(home);
  const { Kafka, CompressionCodecs } = require('kafkajs') as {
    Kafka: new (options: { brokers: string[]; logLevel: number }) => Kafkajs;
    CompressionCodecs: Record<number, () => Codecs>;
  };
  const { lz4Compress, lz4Decompress } = require('@platformatic/wasm-utils') as Record<
    'lz4Compress' | 'lz4Decompress',
    Convert
  >;
  // kafkajs has gzip by itself. Its packages for the other two are native addons that no current Node builds.
  CompressionCodecs[NUMBERS.snappy] = require('kafkajs-snappy') as () => Codecs;
  CompressionCodecs[NUMBERS.lz4] = codecOf(lz4Compress, lz4Decompress);
  CompressionCodecs[NUMBERS.zstd] = codecOf(zstdCompressSync, zstdDecompressSync);
  return new Kafka({ brokers: [bootstrap], logLevel: 0 });
}

type Convert = (bytes: Buffer) => Buffer;

function codecOf(compress: Convert, decompress: Convert): () => Codecs {
  return () => ({
    compress: async ({ buffer }) => compress(buffer),
    decompress: async (buffer) => decompress(buffer),
  });
}

interface World {
  url: string;
  bootstrap: string;
  kafkajs: Kafkajs;
}

const writers: Record<string, (world: World, topic: string, codec: Codec) => Promise<void>> = {
  kcat: async ({ bootstrap }, topic, codec) => {
    // All of it in one batch: of a few records librdkafka finds that compression gains nothing.
    const flags = ['-X', 'linger.ms=1000', '-P', '-b', bootstrap, '-t', topic, '-p', '0', '-z', codec];
    const writing = run(kcat ?? '', flags);
    writing.child.stdin?.end(`${VALUES.join('\n')}\n`);
    await writing;
  },
  kafkajs: async ({ kafkajs }, topic, codec) => {
    const producer = kafkajs.producer();
    await producer.connect();
    await producer.send({ topic, compression: NUMBERS[codec], messages: VALUES.map((value) => ({ value })) });
    await producer.disconnect();
  },
  HTTP: async ({ url }, topic) => {
    await post(url, `/v1/topics/${topic}/records`, { records: VALUES.map((value) => ({ value })) });
  },
};

const readers: Record<string, (world: World, topic: string) => Promise<string[]>> = {
  kcat: async ({ bootstrap }, topic) => {
    const flags = ['-C', '-b', bootstrap, '-t', topic, '-o', 'beginning', '-e', '-q', '-X', 'check.crcs=true'];
    const { stdout } = await run(kcat ?? '', flags);
    return stdout.trimEnd().split('\n');
  },
  kafkajs: async ({ kafkajs }, topic) => {
    const consumer = kafkajs.consumer({ groupId: topic });
    const values: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const eachMessage = async ({ message }: { message: { value: Buffer } }) => {
        values.push(message.value.toString());
        if (values.length === VALUES.length) resolve();
      };
      consumer.run({ eachMessage }).catch(reject);
    });
    await consumer.disconnect();
    return values;
  },
  HTTP: async ({ url }, topic) => {
    const answer = await fetch(`${url}/v1/topics/${topic}/partitions/0/records?offset=earliest`);
    const { records } = (await answer.json()) as { records: { value: string }[] };
    return records.map(({ value }) => value);
  },
};

async function post(url: string, path: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

/** How the batches of a topic's only partition are compressed, as they are served. */
async function storedCodecs(bootstrap: string, topic: string): Promise<string[]> {
  const client = await KafkaTestClient.open(Number(bootstrap.split(':')[1]));
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: BYTES_MAX }];
  const body = { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }] };
  const { responses } = await client.request('Fetch', 12, body);
  client.destroy();
  const batches = concatBytes([responses[0]?.partitions[0]?.records as Uint8Array]);
  return [...new Set(Array.from(batchHeaders(batches), ({ compression }) => compression))];
}

const cases = CODECS.flatMap((codec) => Object.keys(writers).map((writer) => ({ codec, writer })));

describeWithPeer(missing())('records', () => {
  let world: World;

  beforeAll(async () => {
    const { url, kafka: bootstrap = '' } = await startTestServer('--kafka-port', '0');
    world = { url, bootstrap, kafkajs: openKafkajs(bootstrap) };
  });

  it.each(cases)('in $codec by $writer are read by all', async ({ codec, writer }) => {
    const topic = `${writer}-${codec}`;
    // Of clients it is kept as they have it; over HTTP nothing else says it.
    const config = writer === 'HTTP' ? { 'compression.type': codec } : {};
    await post(world.url, '/v1/topics', { name: topic, partitions: 1, config });
    await writers[writer]?.(world, topic, codec);
    expect(await storedCodecs(world.bootstrap, topic)).toEqual([codec]);
    for (const read of Object.values(readers)) expect(await read(world, topic)).toEqual(VALUES);
  });
});
