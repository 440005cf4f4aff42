/**
 * The same batches as kafkajs, and each reads the other's. Its encoder and decoder are internal, so they are untyped.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { concatBytes, utf8 } from '../../../lib/kernel/bytes.ts';
import { batchLimits } from '../../../lib/kernel/limits/batches.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { COMPRESSION_TYPES, type CompressionType } from '../../../lib/log/record-batch/compression.ts';
import { decodeBatch } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { readBatchHeader, setLogAppendTime } from '../../../lib/log/record-batch/header.ts';
import type { NewRecord } from '../../../lib/log/record-batch/record.ts';
import { validateProducedBatches } from '../../../lib/log/record-batch/validate.ts';
import { headerKeys, nullableBytes } from '../../log/record-batch/arbitraries.ts';
import { describeWithPeer } from '../support/peer.ts';

const home = new URL('../node_modules/kafkajs/src/', import.meta.url);
const missing = existsSync(home) ? undefined : 'kafkajs is not installed: run `npm run peers`';

interface Encoder {
  buffer: Buffer;
}

interface PeerRecord {
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | Buffer[]>;
}

interface Peer {
  Record(fields: {
    offsetDelta: number;
    timestampDelta: number;
    key: Buffer | null;
    value: Buffer | null;
    headers: Record<string, Buffer | Buffer[]>;
  }): Encoder;
  RecordBatch(fields: Record<string, unknown>): Promise<Encoder>;
  decode(bytes: Uint8Array): Promise<{
    records: PeerRecord[];
    producerId: string;
    producerEpoch: number;
    firstSequence: number;
    inTransaction: boolean;
    lastOffsetDelta: number;
    maxTimestamp: string;
  }>;
  produceRequest(fields: Record<string, unknown>): { encode(): Promise<Encoder> };
}

function load(): Peer {
  const require = createRequire(home);
  const at = (path: string) => new URL(path, home).pathname;
  const batch = require(at('protocol/recordBatch/v0/index.js')) as Pick<Peer, 'RecordBatch'>;
  const decodeBatch = require(at('protocol/recordBatch/v0/decoder.js')) as (
    decoder: unknown,
  ) => ReturnType<Peer['decode']>;
  const Decoder = require(at('protocol/decoder.js')) as new (bytes: Buffer) => unknown;
  const { Codecs } = require(at('protocol/message/compression/index.js')) as { Codecs: Record<number, () => unknown> };
  // kafkajs brings gzip only and takes the others from whoever has them; these are ours, so that it is its framing of
  // compressed batches that is compared.
  for (const [id, type] of COMPRESSION_TYPES.entries()) if (id > 1) Codecs[id] = () => codec(type);
  return {
    Record: require(at('protocol/recordBatch/record/v0/index.js')) as Peer['Record'],
    RecordBatch: batch.RecordBatch,
    decode: (bytes) => decodeBatch(new Decoder(Buffer.from(bytes))),
    produceRequest: require(at('protocol/requests/produce/v3/request.js')) as Peer['produceRequest'],
  };
}

function codec(type: CompressionType) {
  return {
    compress: (encoder: Encoder) => Promise.resolve(Buffer.from(nodeCompression.compress(type, encoder.buffer))),
    decompress: (bytes: Buffer) =>
      Promise.resolve(Buffer.from(nodeCompression.decompress(type, bytes, batchLimits.inflatedBatchBytesMax))),
  };
}

/** kafkajs keeps headers in an object: no null, numbers before other keys, and no key that every object has. */
const records: fc.Arbitrary<NewRecord[]> = fc.array(
  fc.record({
    timestamp: fc.integer({ min: 0, max: 2 ** 42 }),
    key: nullableBytes,
    value: nullableBytes,
    headers: fc
      .dictionary(
        headerKeys.filter((key) => !/^\d+$/.test(key) && !(key in {})),
        fc.uint8Array({ maxLength: 50 }),
        { maxKeys: 3 },
      )
      .map((headers) => Object.entries(headers).map(([key, value]) => ({ key, value }))),
  }),
  { minLength: 1, maxLength: 70 },
);

const fields = fc.record({
  producerId: fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
  producerEpoch: fc.integer({ min: 0, max: 2 ** 15 - 1 }),
  baseSequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  leaderEpoch: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  transactional: fc.boolean(),
  baseOffset: fc.nat(2 ** 31 - 1),
});

type Fields = typeof fields extends fc.Arbitrary<infer Value> ? Value : never;

const buffer = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes));

async function encodedByPeer(peer: Peer, made: NewRecord[], given: Fields, type: CompressionType): Promise<Uint8Array> {
  const firstTimestamp = made[0]?.timestamp ?? 0;
  const encoder = await peer.RecordBatch({
    compression: COMPRESSION_TYPES.indexOf(type),
    firstOffset: given.baseOffset,
    firstTimestamp,
    maxTimestamp: Math.max(...made.map(({ timestamp }) => timestamp)),
    partitionLeaderEpoch: given.leaderEpoch,
    lastOffsetDelta: made.length - 1,
    transactional: given.transactional,
    producerId: given.producerId.toString(),
    producerEpoch: given.producerEpoch,
    firstSequence: given.baseSequence,
    records: made.map((record, offsetDelta) =>
      peer.Record({
        offsetDelta,
        timestampDelta: record.timestamp - firstTimestamp,
        key: buffer(record.key),
        value: buffer(record.value),
        headers: Object.fromEntries(record.headers.map(({ key, value }) => [key, Buffer.from(value ?? [])])),
      }),
    ),
  });
  return Uint8Array.from(encoder.buffer);
}

describeWithPeer(missing)('kafkajs', () => {
  const peer = missing === undefined ? load() : (undefined as never);

  it('writes byte for byte the same batch for the same records and fields', async () => {
    await fc.assert(
      fc.asyncProperty(records, fields, async (made, given) => {
        const theirs = await encodedByPeer(peer, made, given, 'none');
        expect(Buffer.compare(encodeBatch(made, given), theirs)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('writes batches that we read, and write again to the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(records, fields, async (made, given) => {
        const theirs = await encodedByPeer(peer, made, given, 'none');
        const decoded = decodeBatch(theirs, 0, nodeCompression);
        expect(decoded).toEqual(made.map((record, index) => ({ ...record, offset: given.baseOffset + index })));
        expect(Buffer.compare(encodeBatch(decoded, readBatchHeader(theirs) as Omit<Fields, never>), theirs)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it.each(COMPRESSION_TYPES)('writes batches that we accept from a producer, and read: %s', async (type) => {
    await fc.assert(
      fc.asyncProperty(records, async (made) => {
        const given = { ...NO_PRODUCER, baseOffset: 0 };
        const theirs = await encodedByPeer(peer, made, given, type);
        const [header] = validateProducedBatches(theirs, nodeCompression, {
          batchBytesMax: topicLimits.messageBytesMax,
        });
        expect(header).toMatchObject({ compression: type, recordCount: made.length });
        expect(decodeBatch(theirs, 0, nodeCompression)).toEqual(made.map((record, offset) => ({ ...record, offset })));
      }),
      { numRuns: 100 },
    );
  });

  it.each(COMPRESSION_TYPES)('reads the batches that we write: %s', async (type) => {
    await fc.assert(
      fc.asyncProperty(records, fields, async (made, given) => {
        const ours = encodeBatch(made, { ...given, compressionType: type, compression: nodeCompression });
        const theirs = await peer.decode(ours);
        expect(theirs).toMatchObject({
          producerId: given.producerId.toString(),
          producerEpoch: given.producerEpoch,
          firstSequence: given.baseSequence,
          inTransaction: given.transactional,
          lastOffsetDelta: made.length - 1,
        });
        expect(theirs.records.map(plain)).toEqual(
          made.map((record, index) => ({ ...record, offset: given.baseOffset + index })),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('reads the append time that we set on every record', async () => {
    const ours = encodeBatch([record(5, 'a'), record(9, 'b')]);
    setLogAppendTime(ours, 0, 1234);
    expect((await peer.decode(ours)).records.map(({ timestamp }) => timestamp)).toEqual(['1234', '1234']);
  });

  it('repeats a header key as we do', async () => {
    const values = [utf8('1'), utf8('2')];
    const made = { ...record(1, 'v'), headers: values.map((value) => ({ key: 'h', value })) };
    const encoder = peer.Record({
      offsetDelta: 0,
      timestampDelta: 0,
      key: null,
      value: Buffer.from('v'),
      headers: { h: values.map((value) => Buffer.from(value)) },
    });
    expect(Buffer.from(encodeBatch([made]).subarray(61))).toEqual(encoder.buffer);
  });

  it('sends a wrong max timestamp when some messages have no timestamp of their own; it is put right', async () => {
    const messages = [
      { key: null, value: Buffer.from('a'), timestamp: '2000' },
      { key: null, value: Buffer.from('b') },
      { key: null, value: Buffer.from('c'), timestamp: '1000' },
    ];
    const topicData = [{ topic: 't', partitions: [{ partition: 0, firstSequence: 0, messages }] }];
    const { buffer: request } = await peer.produceRequest({ acks: 1, timeout: 1, topicData }).encode();
    // transactional id −1 (2), acks (2), timeout (4), topics (4), "t" (3), partitions (4), partition (4), size (4)
    const batch = Uint8Array.from(request.subarray(27));
    expect(readBatchHeader(batch)).toMatchObject({ baseTimestamp: 1000, maxTimestamp: 2000, sizeBytes: batch.length });
    const [header] = validateProducedBatches(batch, nodeCompression, { batchBytesMax: 1000 });
    const decoded = decodeBatch(batch, 0, nodeCompression);
    expect(decoded.map(({ value }) => Buffer.from(value ?? []).toString())).toEqual(['a', 'b', 'c']);
    expect(decoded.map(({ timestamp }) => timestamp)).toEqual([2000, header?.maxTimestamp, 1000]);
    expect(header?.maxTimestamp).toBeGreaterThan(1_700_000_000_000);
  });

  it('reads the first of concatenated batches that we write', async () => {
    const ours = [encodeBatch([record(1, 'first')]), encodeBatch([record(2, 'second')])];
    const { records: theirs } = await peer.decode(concatBytes(ours));
    expect(theirs.map(({ value }) => value?.toString())).toEqual(['first']);
  });
});

/** What kafkajs writes without idempotence. */
const NO_PRODUCER = { producerId: -1n, producerEpoch: 0, baseSequence: 0, leaderEpoch: 0, transactional: false };

function record(timestamp: number, value: string): NewRecord {
  return { timestamp, key: null, value: utf8(value), headers: [] };
}

function plain(peer: PeerRecord) {
  const bytes = (given: Buffer | null) => (given === null ? null : Uint8Array.from(given));
  return {
    offset: Number(peer.offset),
    timestamp: Number(peer.timestamp),
    key: bytes(peer.key),
    value: bytes(peer.value),
    headers: Object.entries(peer.headers).flatMap(([key, values]) =>
      [values].flat().map((value) => ({ key, value: Uint8Array.from(value) })),
    ),
  };
}
