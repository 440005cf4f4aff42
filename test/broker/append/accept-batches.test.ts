import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptBatches, runOf } from '../../../lib/broker/append/accept-batches.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { concatBytes, utf8 } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { COMPRESSION_TYPES, type CompressionType } from '../../../lib/log/record-batch/compression.ts';
import { records } from '../../../lib/log/record-batch/decode.ts';
import { type EncodeOptions, encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { batchHeaders, checkBatchChecksum, readBatchHeader } from '../../../lib/log/record-batch/header.ts';
import type { NewRecord } from '../../../lib/log/record-batch/record.ts';
import { parseTopicConfig, type TopicConfigInput } from '../../../lib/log/topic/config.ts';
import type { Topic } from '../../../lib/log/topic/topic.ts';
import { newRecords } from '../../log/record-batch/arbitraries.ts';
import { makeBroker, record } from '../../support/broker.ts';

const { broker, clock } = makeBroker();

function topicWith(config: TopicConfigInput): Topic {
  const { overrides, values } = parseTopicConfig(config);
  return {
    name: 't',
    topicId: 'AAAAAAAAQACAAAAAAAAAAA',
    partitions: 1,
    replicationFactor: 1,
    ledgerPartitions: 16,
    overrides,
    config: values,
    version: 1,
    state: 'ready',
  };
}

function encode(list: NewRecord[], options: EncodeOptions = {}): Uint8Array {
  return encodeBatch(list, { compression: nodeCompression, ...options });
}

const accept = (config: TopicConfigInput, bytes: Uint8Array) => acceptBatches(broker, topicWith(config), bytes);

/** Without their offsets, which batches do not have yet. */
const valuesIn = (batches: readonly Uint8Array[]) =>
  batches.flatMap((batch) => [...records(batch, nodeCompression)].map(({ value }) => value));

const LINES = [record('one'), record('two '.repeat(200)), record('three')];

describe('acceptBatches', () => {
  it('takes a few thousand batches at once, and not as many as a request could hold', () => {
    const one = encode(LINES.slice(0, 1));
    const times = (count: number) => concatBytes(Array.from({ length: count }, () => one));
    expect(accept({}, times(10_000)).records).toBe(10_000);
    expect(() => accept({}, times(10_001))).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
  });

  it.each(COMPRESSION_TYPES)('stores a batch in %s as it is, whole and without a copy', (compressionType) => {
    const bytes = concatBytes([encode(LINES, { compressionType }), encode(LINES.slice(1), { compressionType })]);
    const before = bytes.slice();
    const accepted = accept({}, bytes);
    expect(accepted.records).toBe(5);
    expect(accepted.batches).toEqual([bytes]);
    expect(accepted.batches[0]).toBe(bytes);
    expect(bytes).toEqual(before);
  });

  it('takes batches that a fetch gave, with their offsets', () => {
    expect(accept({}, encode(LINES, { baseOffset: 77 })).records).toBe(3);
  });

  it.each(
    COMPRESSION_TYPES.flatMap((from) => COMPRESSION_TYPES.map((to): [CompressionType, CompressionType] => [from, to])),
  )("makes of %s what the topic's compression.type wants, %s", (from, to) => {
    const producer = { producerId: 5n, producerEpoch: 2, baseSequence: 9 };
    const bytes = concatBytes([
      encode(LINES, { compressionType: from, ...producer }),
      encode(LINES.slice(1), { compressionType: to }),
    ]);
    const { batches } = accept({ 'compression.type': to === 'none' ? 'uncompressed' : to }, bytes);
    const headers = batches.flatMap((batch) => [...batchHeaders(batch)]);
    expect(headers.map(({ compression }) => compression)).toEqual([to, to]);
    expect(headers[0]).toMatchObject({ ...producer, recordCount: 3 });
    for (const batch of batches) for (const { position } of batchHeaders(batch)) checkBatchChecksum(batch, position);
    expect(valuesIn(batches)).toEqual([...LINES, ...LINES.slice(1)].map(({ value }) => value));
  });

  it('stamps the time of the append where the topic wants that, whatever the records say', () => {
    const old = [record('a', { timestamp: 5 }), record('b', { timestamp: -1 })];
    for (const compression of ['producer', 'zstd']) {
      const config = { 'message.timestamp.type': 'LogAppendTime', 'compression.type': compression };
      const { batches } = accept(config, concatBytes([encode(old), encode(old)]));
      for (const batch of batches) {
        for (const header of batchHeaders(batch)) {
          expect(header).toMatchObject({ timestampType: 'LogAppendTime', maxTimestamp: clock.now() });
          checkBatchChecksum(batch, header.position);
        }
        expect([...records(batch, nodeCompression)].every(({ timestamp }) => timestamp === clock.now())).toBe(true);
      }
    }
  });

  it('bounds timestamps as the topic says, and by what 48 bits hold', () => {
    const config = { 'message.timestamp.before.max.ms': 1_000, 'message.timestamp.after.max.ms': 2_000 };
    const at = (timestamp: number) => encode([record('v', { timestamp })]);
    const now = clock.now();
    for (const timestamp of [now - 1_000, now, now + 2_000, -1]) expect(accept(config, at(timestamp)).records).toBe(1);
    for (const timestamp of [now - 1_001, now + 2_001, 0]) {
      expect(() => accept(config, at(timestamp))).toThrow(expect.objectContaining({ code: 'INVALID_TIMESTAMP' }));
    }
    const any = { 'message.timestamp.after.max.ms': Number.MAX_SAFE_INTEGER };
    expect(accept(any, at(topicLimits.timestampMsMax)).records).toBe(1);
    expect(() => accept(any, at(topicLimits.timestampMsMax + 1))).toThrow(
      expect.objectContaining({ code: 'INVALID_TIMESTAMP' }),
    );
  });

  it('refuses records without key in a compacted topic', () => {
    const keyed = record('v', { key: utf8('k') });
    expect(accept({ 'cleanup.policy': 'compact' }, encode([keyed])).records).toBe(1);
    expect(() => accept({ 'cleanup.policy': 'compact,delete' }, encode([keyed, record('v')]))).toThrow(
      expect.objectContaining({ code: 'INVALID_RECORD' }),
    );
  });

  it('refuses batches beyond max.message.bytes, as they came and as they would be stored', () => {
    const zeros = record('0'.repeat(5_000));
    const config = { 'max.message.bytes': 1_000 };
    expect(accept(config, encode([zeros], { compressionType: 'gzip' })).records).toBe(1);
    expect(() => accept(config, encode([zeros]))).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
    expect(() =>
      accept({ ...config, 'compression.type': 'uncompressed' }, encode([zeros], { compressionType: 'gzip' })),
    ).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
  });

  it('refuses small batches that together would be stored as more than a flush holds', () => {
    const million = encode([record('0'.repeat(1_000_000))], { compressionType: 'zstd' });
    const config = { 'max.message.bytes': 2_000_000, 'compression.type': 'uncompressed' };
    const times = (count: number) => concatBytes(Array.from({ length: count }, () => million));
    expect(accept(config, times(8)).records).toBe(8);
    expect(() => accept(config, times(9))).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
    expect(accept({ 'max.message.bytes': 2_000_000 }, times(20)).records).toBe(20); // as they came they are small
  });

  it('refuses damage', () => {
    const bytes = encode(LINES);
    bytes[70] = (bytes[70] as number) ^ 1;
    expect(() => accept({}, bytes)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
  });
});

describe('runOf', () => {
  it('counts what is in the chunks, and its checksum is that of all their bytes', () => {
    const chunk = fc.array(newRecords, { minLength: 1, maxLength: 3 }).map((lists) => ({
      bytes: concatBytes(lists.map((list) => encodeBatch(list))),
      all: lists.flat(),
    }));
    fc.assert(
      fc.property(fc.array(chunk, { minLength: 1, maxLength: 3 }), (chunks) => {
        const joined = concatBytes(chunks.map(({ bytes }) => bytes));
        const all = chunks.flatMap((one) => one.all);
        expect(runOf(chunks.map(({ bytes }) => bytes))).toEqual({
          chunks: chunks.map(({ bytes }) => bytes),
          bytes: joined.length,
          records: all.length,
          maxTimestamp: Math.max(0, ...all.map(({ timestamp }) => timestamp)),
          crc32c: crc32c(joined),
        });
      }),
    );
  });

  it('reads the headers only: what is inside stays compressed', () => {
    const bytes = encode(LINES, { compressionType: 'lz4' });
    expect(runOf([bytes])).toMatchObject({ records: 3, maxTimestamp: readBatchHeader(bytes).maxTimestamp });
  });
});
