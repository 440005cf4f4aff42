/**
 * The same batches as @platformatic/kafka, and each reads the other's: its encoder and codecs are its own throughout.
 */
import { existsSync } from 'node:fs';
import * as fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { COMPRESSION_TYPES, type CompressionType } from '../../../lib/log/record-batch/compression.ts';
import { records as decodeAll, decodeBatch } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { patchBatch, readBatchHeader } from '../../../lib/log/record-batch/header.ts';
import type { NewRecord } from '../../../lib/log/record-batch/record.ts';
import { validateProducedBatches } from '../../../lib/log/record-batch/validate.ts';
import { headerKeys, nullableBytes } from '../../log/record-batch/arbitraries.ts';
import { describeWithPeer } from '../support/peer.ts';

const home = new URL('../node_modules/@platformatic/kafka/dist/index.js', import.meta.url);
const missing = existsSync(home) ? undefined : '@platformatic/kafka is not installed: run `npm run peers`';

interface PeerBatch {
  firstOffset: bigint;
  length: number;
  partitionLeaderEpoch: number;
  magic: number;
  crc: number;
  attributes: number;
  lastOffsetDelta: number;
  firstTimestamp: bigint;
  maxTimestamp: bigint;
  producerId: bigint;
  producerEpoch: number;
  firstSequence: number;
  records: {
    timestampDelta: bigint;
    offsetDelta: number;
    key: Buffer | null;
    value: Buffer | null;
    headers: [Buffer, Buffer | null][];
  }[];
}

interface Peer {
  createRecordsBatch(messages: unknown[], options: Record<string, unknown>): { buffer: Buffer };
  readRecordsBatch(reader: unknown): PeerBatch;
  readRecordsBatches(reader: unknown): PeerBatch[];
  Reader: { from(bytes: Buffer): unknown };
}

const header = fc.record({ key: headerKeys, value: fc.option(fc.uint8Array({ maxLength: 50 })) });

function recordsAt(timestamp: fc.Arbitrary<number>): fc.Arbitrary<NewRecord[]> {
  const headers = fc.array(header, { maxLength: 3 });
  return fc.array(fc.record({ timestamp, key: nullableBytes, value: nullableBytes, headers }), {
    minLength: 1,
    maxLength: 70,
  });
}

const anyRecords = recordsAt(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
/** The peer (2.12.1) writes timestamps wrong that are 2^31 ms or more apart, some 25 days; it reads them right. */
const records = fc
  .integer({ min: 0, max: 2 ** 50 })
  .chain((base) => recordsAt(fc.integer({ min: base, max: base + 2 ** 31 - 1 })));

const fields = fc.record({
  producerId: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  producerEpoch: fc.integer({ min: 0, max: 2 ** 15 - 1 }),
  baseSequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  leaderEpoch: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  transactional: fc.boolean(),
});

type Fields = typeof fields extends fc.Arbitrary<infer Value> ? Value : never;

const buffer = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes));

function encodedByPeer(peer: Peer, made: NewRecord[], given: Fields, compression: CompressionType): Uint8Array {
  const messages = made.map((record) => ({
    topic: 't',
    partition: 0,
    timestamp: BigInt(record.timestamp),
    key: buffer(record.key),
    value: buffer(record.value),
    // Buffers are different keys even where they are equal, so repeated header keys stay.
    headers: new Map(record.headers.map(({ key, value }) => [Buffer.from(key), buffer(value)])),
  }));
  const { buffer: bytes } = peer.createRecordsBatch(messages, {
    compression,
    transactionalId: given.transactional ? 'x' : undefined,
    producerId: given.producerId,
    producerEpoch: given.producerEpoch,
    partitionLeaderEpoch: given.leaderEpoch,
    sequences: { getWithDefault: () => given.baseSequence },
  });
  return Uint8Array.from(bytes);
}

describeWithPeer(missing)('@platformatic/kafka', () => {
  let peer: Peer;
  beforeAll(async () => {
    peer = (await import(home.href)) as Peer;
  });

  it('writes byte for byte the same batch for the same records and fields', () => {
    fc.assert(
      fc.property(records, fields, (made, given) => {
        expect(Buffer.compare(encodeBatch(made, given), encodedByPeer(peer, made, given, 'none'))).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('writes batches that we read, and write again to the same bytes', () => {
    fc.assert(
      fc.property(records, fields, (made, given) => {
        const theirs = encodedByPeer(peer, made, given, 'none');
        const decoded = decodeBatch(theirs, 0, nodeCompression);
        expect(decoded).toEqual(made.map((record, offset) => ({ ...record, offset })));
        const { compression: _, ...rest } = readBatchHeader(theirs);
        expect(Buffer.compare(encodeBatch(decoded, rest), theirs)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it.each(COMPRESSION_TYPES)('writes batches that we accept from a producer, and read: %s', (type) => {
    fc.assert(
      fc.property(records, fields, (made, given) => {
        const theirs = encodedByPeer(peer, made, given, type);
        const [header] = validateProducedBatches(theirs, nodeCompression, {
          batchBytesMax: topicLimits.messageBytesMax,
        });
        expect(header).toMatchObject({
          compression: type,
          recordCount: made.length,
          producerId: given.producerId,
          producerEpoch: given.producerEpoch,
          baseSequence: given.baseSequence,
          transactional: given.transactional,
        });
        expect(decodeBatch(theirs, 0, nodeCompression)).toEqual(made.map((record, offset) => ({ ...record, offset })));
      }),
      { numRuns: 100 },
    );
  });

  it.each(COMPRESSION_TYPES)('reads the batches that we write: %s', (type) => {
    fc.assert(
      fc.property(anyRecords, fields, fc.nat(2 ** 31), (made, given, baseOffset) => {
        const options = { ...given, compressionType: type, compression: nodeCompression };
        const ours = encodeBatch(made, options);
        patchBatch(ours, 0, { baseOffset, leaderEpoch: given.leaderEpoch });
        const theirs = peer.readRecordsBatch(peer.Reader.from(Buffer.from(ours)));
        const header = readBatchHeader(ours);
        expect(theirs).toMatchObject({
          firstOffset: BigInt(baseOffset),
          length: ours.length - 12,
          partitionLeaderEpoch: given.leaderEpoch,
          magic: 2,
          crc: header.crc,
          lastOffsetDelta: made.length - 1,
          maxTimestamp: BigInt(header.maxTimestamp),
          producerId: given.producerId,
          producerEpoch: given.producerEpoch,
          firstSequence: given.baseSequence,
        });
        expect(plain(theirs)).toEqual(made.map((record, index) => ({ ...record, offset: baseOffset + index })));
      }),
      { numRuns: 100 },
    );
  });

  it('reads the concatenated batches that we write, and we read its', () => {
    const given = { producerId: -1n, producerEpoch: 0, baseSequence: 0, leaderEpoch: 0, transactional: false };
    fc.assert(
      fc.property(fc.array(records, { maxLength: 4 }), (batches) => {
        const ours = concatBytes(batches.map((made) => encodeBatch(made)));
        const expected = batches.flatMap((made) => made.map((record, offset) => ({ ...record, offset })));
        expect(peer.readRecordsBatches(peer.Reader.from(Buffer.from(ours))).flatMap(plain)).toEqual(expected);
        const theirs = concatBytes(batches.map((made) => encodedByPeer(peer, made, given, 'lz4')));
        expect([...decodeAll(theirs, nodeCompression)]).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });
});

function plain(batch: PeerBatch) {
  const bytes = (given: Buffer | null) => (given === null ? null : Uint8Array.from(given));
  return batch.records.map((record) => ({
    offset: Number(batch.firstOffset) + record.offsetDelta,
    timestamp: Number(batch.firstTimestamp + record.timestampDelta),
    key: bytes(record.key),
    value: bytes(record.value),
    headers: record.headers.map(([key, value]) => ({ key: key.toString(), value: bytes(value) })),
  }));
}
