import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { concatBytes, utf8 } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { batchLimits } from '../../../lib/kernel/limits/batches.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { COMPRESSION_TYPES, noCompression } from '../../../lib/log/record-batch/compression.ts';
import { decodeBatch } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { patchBatch, setLogAppendTime, setMaxTimestamp } from '../../../lib/log/record-batch/header.ts';
import { type ProducedBatchRules, validateProducedBatches } from '../../../lib/log/record-batch/validate.ts';
import { newRecords } from './arbitraries.ts';
import { bombOf } from './bombs.ts';
import { accepted, bitFlips, rawBatch, rawRecord, refusal, seal, TIME } from './raw-batch.ts';
import { vector, vectors } from './vectors.ts';

const validate = (bytes: Uint8Array, rules: Partial<ProducedBatchRules> = {}) =>
  validateProducedBatches(bytes, nodeCompression, { batchBytesMax: topicLimits.messageBytesMax, ...rules });

function faultsOf(action: () => unknown) {
  try {
    action();
  } catch (error) {
    if (error instanceof MillraceError) return { code: error.code, records: error.facts.records };
    throw error;
  }
  throw new Error('it was not refused');
}

const produced = vectors.filter(
  ({ header }) => header.baseOffset === 0 && header.timestampType === 'CreateTime' && header.recordCount > 0,
);

describe('a produced batch', () => {
  test.each(produced.map((made) => [made.name, made] as const))('is accepted as Java wrote it: %s', (_, made) => {
    const bytes = made.bytes.slice();
    expect(validate(bytes)).toEqual([made.header]);
    expect(bytes).toEqual(made.bytes);
  });

  test('is accepted whatever its records and compression, and stays as it is', () => {
    fc.assert(
      fc.property(newRecords, fc.constantFrom(...COMPRESSION_TYPES), (records, type) => {
        const bytes = encodeBatch(records, { compressionType: type, compression: nodeCompression });
        const before = bytes.slice();
        expect(validate(bytes)).toMatchObject([{ recordCount: records.length, compression: type }]);
        expect(bytes).toEqual(before);
      }),
    );
  });

  test('may be one of several, each with its header', () => {
    const { bytes } = vector('a mix, lz4');
    const headers = validate(concatBytes([bytes, vector('idempotent').bytes, bytes]));
    expect(headers.map(({ position }) => position)).toEqual([0, bytes.length, bytes.length + 87]);
    expect(headers.map(({ recordCount }) => recordCount)).toEqual([5, 3, 5]);
  });

  test('has its max timestamp put right, as brokers do, because some clients send another', () => {
    for (const name of ['idempotent', 'a mix, gzip']) {
      const { bytes, header, records } = vector(name);
      setMaxTimestamp(bytes, 0, records.at(-1)?.timestamp ?? 0);
      const [corrected] = validate(bytes);
      expect(corrected).toEqual(header);
      expect(bytes).toEqual(vector(name).bytes);
    }
  });

  test.each([0, -1])('may have epoch and sequence %i where it has no producer id', (filler) => {
    expect(accepted(() => validate(rawBatch(rawRecord(), { producerEpoch: filler, baseSequence: filler })))).toBe(true);
  });

  test('may have any leader epoch, and any base offset where the rules say so', () => {
    const { bytes } = vector('one record, none');
    patchBatch(bytes, 0, { baseOffset: 0, leaderEpoch: 1234 });
    expect(accepted(() => validate(bytes))).toBe(true);
    patchBatch(bytes, 0, { baseOffset: 99, leaderEpoch: 0 });
    expect(refusal(() => validate(bytes))).toMatch(/^INVALID_RECORD: .* base offset is 99, a producer's must be 0\.$/);
    expect(accepted(() => validate(bytes, { baseOffset: 'any' }))).toBe(true);
  });
});

describe('a batch is refused', () => {
  test('that inflates to a record larger than a reader must take, though few bytes were sent', () => {
    const value = new Uint8Array(topicLimits.messageBytesMax);
    const record = { timestamp: TIME, key: null, value, headers: [] };
    const bytes = encodeBatch([record], { compressionType: 'zstd', compression: nodeCompression });
    expect(bytes.length).toBeLessThan(2_000);
    expect(refusal(() => validate(bytes))).toContain('MESSAGE_TOO_LARGE');
    expect(validate(bytes, { recordBytesMax: value.length + 100 })).toHaveLength(1);
  });

  test('whose neighbours have inflated to all that a request may', () => {
    const record = { timestamp: TIME, key: null, value: new Uint8Array(60_000), headers: [] };
    const batch = encodeBatch([record], { compressionType: 'gzip', compression: nodeCompression });
    const rules = { inflatedBytesMax: 100_000 };
    expect(validate(batch, rules)).toHaveLength(1);
    expect(refusal(() => validate(concatBytes([batch, batch]), rules))).toContain('MESSAGE_TOO_LARGE');
  });

  const one = rawRecord();
  const pair = concatBytes([rawRecord(), rawRecord({ offsetDelta: 1 })]);
  const two = { lastOffsetDelta: 1, recordCount: 2 };
  test.each([
    [
      'as a control batch',
      rawBatch(one, { attributes: 0x20 }),
      'INVALID_RECORD: .*: only brokers write control batches',
    ],
    ['with a delete horizon', rawBatch(one, { attributes: 0x40 }), 'INVALID_RECORD: .*: only brokers set the delete'],
    [
      'with LogAppendTime',
      rawBatch(one, { attributes: 0x08 }),
      'INVALID_TIMESTAMP: .* LogAppendTime, which only brokers set',
    ],
    ['with no records', rawBatch(new Uint8Array(0), { recordCount: 0 }), 'INVALID_RECORD: .* record count is 0'],
    [
      'counting fewer records than offsets',
      rawBatch(one, { lastOffsetDelta: 1 }),
      'INVALID_RECORD: .* count is 1, .* must be one more',
    ],
    ['with records beyond its count', rawBatch(pair), 'INVALID_RECORD: .*: 9 bytes follow the last of its 1 records'],
    ['with fewer records than its count', rawBatch(one, two), 'INVALID_RECORD: .*: record 1 of 2: the bytes end'],
    ['as magic 0', rawBatch(one, { magic: 0 }), 'UNSUPPORTED_FOR_MESSAGE_FORMAT: '],
    ['as magic 1', rawBatch(one, { magic: 1 }), 'UNSUPPORTED_FOR_MESSAGE_FORMAT: '],
    ['with compression type 5', rawBatch(one, { attributes: 5 }), 'UNSUPPORTED_COMPRESSION_TYPE: '],
    ['with unused attributes', rawBatch(one, { attributes: 0x100 }), 'INVALID_RECORD: '],
    ['with a producer id below -1', rawBatch(one, { producerId: -2n }), 'INVALID_RECORD: .* producer id is -2'],
    [
      'with a producer id but no epoch',
      rawBatch(one, { producerId: 1n, baseSequence: 0 }),
      'INVALID_RECORD: .* epoch is -1',
    ],
    [
      'with a producer id but no sequence',
      rawBatch(one, { producerId: 1n, producerEpoch: 0 }),
      'INVALID_RECORD: .* sequence is -1',
    ],
    [
      'transactional without a producer id',
      rawBatch(one, { attributes: 0x10 }),
      'INVALID_RECORD: .* without a producer id',
    ],
    ['with record attributes', rawBatch(rawRecord({ attributes: 4 })), 'INVALID_RECORD: .* attributes are 4'],
    [
      'with a null header key',
      rawBatch(rawRecord({ headerCount: 1, headers: Uint8Array.of(1, 0) })),
      'INVALID_RECORD: .* null',
    ],
    [
      'with a timestamp below -1',
      rawBatch(rawRecord({ timestampDelta: -TIME - 2 })),
      'INVALID_TIMESTAMP: .*: record 0 of 1',
    ],
  ])('%s', (_, bytes, reason) => {
    expect(refusal(() => validate(bytes))).toMatch(new RegExp(`^${reason}`));
  });

  test('where there is none at all', () => {
    expect(refusal(() => validate(new Uint8Array(0)))).toBe(
      'INVALID_RECORD: There is no record batch; at least one is needed.',
    );
  });

  test.each(COMPRESSION_TYPES)('whose offset deltas leave a gap, or do not start at 0: %s', (type) => {
    const attributes = COMPRESSION_TYPES.indexOf(type);
    const gap = concatBytes([rawRecord(), rawRecord({ offsetDelta: 2 }), rawRecord({ offsetDelta: 3 })]);
    const counts = { attributes, lastOffsetDelta: 2, recordCount: 3 };
    expect(refusal(() => validate(rawBatch(nodeCompression.compress(type, gap), counts)))).toMatch(
      /^INVALID_RECORD: .*: its offset delta is 2, it must be 1\.$/,
    );
    const late = concatBytes([rawRecord({ offsetDelta: 1 }), rawRecord({ offsetDelta: 2 })]);
    expect(refusal(() => validate(rawBatch(nodeCompression.compress(type, late), { attributes, ...two })))).toContain(
      'its offset delta is 1, it must be 0',
    );
  });

  test('larger than the topic allows, by a byte', () => {
    const { bytes } = vector('a mix, none');
    expect(refusal(() => validate(bytes, { batchBytesMax: bytes.length - 1 }))).toBe(
      'MESSAGE_TOO_LARGE: The record batch at byte 0: it has 360 bytes, the topic allows 359.',
    );
    expect(accepted(() => validate(bytes, { batchBytesMax: bytes.length }))).toBe(true);
  });

  test('whose records inflate to more than the limit, by a byte', () => {
    for (const type of COMPRESSION_TYPES.slice(1)) {
      const { bytes } = vector(`several blocks, ${type}`);
      const inflatedBytes = nodeCompression.decompress(
        type,
        bytes.subarray(61),
        batchLimits.inflatedBatchBytesMax,
      ).length;
      expect(refusal(() => validate(bytes, { inflatedBytesMax: inflatedBytes - 1 }))).toBe(
        `MESSAGE_TOO_LARGE: The ${type} stream inflates to more than ${inflatedBytes - 1} bytes.`,
      );
      expect(accepted(() => validate(bytes, { inflatedBytesMax: inflatedBytes }))).toBe(true);
    }
  });

  test.each(COMPRESSION_TYPES.slice(1))('that is a bomb, a small batch of very many zeros: %s', (type) => {
    const bomb = rawBatch(bombOf(type), { attributes: COMPRESSION_TYPES.indexOf(type) });
    expect(bomb.length).toBeLessThan(topicLimits.messageBytesMax);
    expect(refusal(() => validate(bomb))).toBe(
      `MESSAGE_TOO_LARGE: The ${type} stream inflates to more than ${batchLimits.inflatedBatchBytesMax} bytes.`,
    );
  });

  test('that counts more records than a reader should have to bear', () => {
    const counts = { lastOffsetDelta: batchLimits.recordsPerBatchMax, recordCount: batchLimits.recordsPerBatchMax + 1 };
    expect(refusal(() => validate(rawBatch(one, counts)))).toMatch(/^MESSAGE_TOO_LARGE: .* at most 1000000/);
  });

  test('that is one too many', () => {
    const { bytes } = vector('one record, none');
    const both = concatBytes([bytes, bytes]);
    expect(accepted(() => validate(both, { batchesMax: 2 }))).toBe(true);
    expect(refusal(() => validate(both, { batchesMax: 1 }))).toBe(
      'INVALID_RECORD: The record batch at byte 76: only 1 may be written to a partition at once.',
    );
  });

  test('without a key where the topic is compacted', () => {
    const { bytes } = vector('a mix, zstd');
    expect(refusal(() => validate(bytes, { keyRequired: true }))).toMatch(
      /^INVALID_RECORD: .*record 1 of 5.* key is null/,
    );
    expect(accepted(() => validate(vector('300 records').bytes, { keyRequired: true }))).toBe(true);
  });

  test('with a timestamp outside what the topic allows now', () => {
    const { bytes } = vector('idempotent'); // TIME, TIME + 5, TIME + 3
    const allow = (earliestMs: number, latestMs: number) => () =>
      validate(bytes, { timestamps: { earliestMs, latestMs } });
    expect(accepted(allow(TIME, TIME + 5))).toBe(true);
    expect(refusal(allow(TIME, TIME + 4))).toMatch(
      /^INVALID_TIMESTAMP: .*: record 1 of 3: its timestamp is 1767225600005, the topic allows between \d+ and \d+ now\.$/,
    );
    expect(refusal(allow(TIME + 1, TIME + 5))).toMatch(/^INVALID_TIMESTAMP: .*: record 0 of 3/);
  });

  test('and names all records that the topic does not take, up to a bound, as the fault of a timestamp where there is one', () => {
    const keyless = { key: null, value: utf8('v'), headers: [] };
    const records = [
      { ...keyless, timestamp: TIME },
      { ...keyless, timestamp: TIME, key: utf8('k') },
      { ...keyless, timestamp: TIME + 9, key: utf8('k') },
    ];
    const timestamps = { earliestMs: TIME, latestMs: TIME + 5 };
    const faults = faultsOf(() => validate(encodeBatch(records), { keyRequired: true, timestamps }));
    expect(faults).toMatchObject({ code: 'INVALID_TIMESTAMP', records: [{ index: 0 }, { index: 2 }] });
    expect(faults.records?.map(({ message }) => message)).toEqual([
      'The record batch at byte 0: record 0 of 3: its key is null, a compacted topic needs keys.',
      expect.stringMatching(/^The record batch at byte 0: record 2 of 3: its timestamp is \d+, the topic allows/),
    ]);
    const many = Array.from({ length: batchLimits.recordFaultsMax + 5 }, () => ({ ...keyless, timestamp: TIME }));
    const first = faultsOf(() => validate(encodeBatch(many), { keyRequired: true }));
    expect(first).toMatchObject({ code: 'INVALID_RECORD' });
    expect(first.records).toHaveLength(batchLimits.recordFaultsMax);
  });

  test('not for having no timestamps, whatever the topic allows', () => {
    const timestamps = { earliestMs: TIME, latestMs: TIME };
    expect(accepted(() => validate(vector('no timestamps').bytes, { timestamps }))).toBe(true);
  });

  test('after a broker has set its own time in it', () => {
    const { bytes } = vector('one record, none');
    setLogAppendTime(bytes, 0, TIME);
    expect(refusal(() => validate(bytes))).toMatch(/^INVALID_TIMESTAMP/);
  });

  test('by name where there is no codec for it', () => {
    const rules = { batchBytesMax: topicLimits.messageBytesMax };
    expect(refusal(() => validateProducedBatches(vector('a mix, snappy').bytes, noCompression, rules))).toBe(
      'UNSUPPORTED_COMPRESSION_TYPE: No codec for snappy was given.',
    );
  });
});

/** How many records a batch has for those who validate and then decode it; "refused" if it is, with a reason. */
function recordsOf(batch: Uint8Array): number | 'refused' {
  if (!accepted(() => validate(batch))) return 'refused';
  return decodeBatch(batch, 0, nodeCompression).length;
}

describe('damage', () => {
  test.each(COMPRESSION_TYPES)('a batch cut off at any byte is refused as corrupt: %s', (type) => {
    const { bytes } = vector(`a mix, ${type}`);
    for (let length = 1; length < bytes.length; length++) {
      expect(refusal(() => validate(bytes.subarray(0, length)))).toMatch(/^CORRUPT_MESSAGE: /);
    }
  });

  test.each(COMPRESSION_TYPES)('any flipped bit is refused, except in the leader epoch: %s', (type) => {
    const { bytes } = vector(`a mix, ${type}`);
    const outcomeAt = (at: number) => {
      if (at < 8) return /^(INVALID_RECORD|CORRUPT_MESSAGE): .*base offset/;
      if (at >= 12 && at < 16) return /^accepted$/;
      if (at === 16) return /^(CORRUPT_MESSAGE|UNSUPPORTED_FOR_MESSAGE_FORMAT): /;
      return /^CORRUPT_MESSAGE: /;
    };
    let bit = 0;
    for (const flipped of bitFlips(bytes)) {
      const outcome = accepted(() => validate(flipped)) ? 'accepted' : refusal(() => validate(flipped));
      expect(outcome).toMatch(outcomeAt(bit++ >>> 3));
    }
    expect(bit).toBe(bytes.length * 8);
  });

  test.each(COMPRESSION_TYPES)('any flipped bit with a right CRC is refused with a reason, or decodes: %s', (type) => {
    const outcomes = [...bitFlips(vector(`a mix, ${type}`).bytes)].map((flipped) => recordsOf(seal(flipped)));
    expect(new Set(outcomes)).toEqual(new Set(['refused', 5]));
    expect(outcomes.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(300);
  });

  test('any bytes at all are refused with a reason', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(accepted(() => validate(bytes))).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  test('any bytes as the records of a sealed batch are refused with a reason, or decode', () => {
    const payloads = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // Small numbers make lengths that fit, so that damage gets further in.
      fc.array(fc.integer({ min: 0, max: 24 }), { maxLength: 120 }).map((bytes) => Uint8Array.from(bytes)),
    );
    fc.assert(
      fc.property(payloads, fc.nat(4), fc.nat(6), (payload, attributes, lastOffsetDelta) => {
        const recordCount = lastOffsetDelta + 1;
        const batch = rawBatch(payload, { attributes, lastOffsetDelta, recordCount });
        expect(['refused', recordCount]).toContain(recordsOf(batch));
      }),
      { numRuns: 5000 },
    );
  });

  test('any damage to compressed records is refused with a reason, or decodes', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...COMPRESSION_TYPES.slice(1)), damage, (type, changes) => {
        const { bytes } = vector(`several blocks, ${type}`);
        for (const [at, value] of changes) bytes[61 + (at % (bytes.length - 61))] = value;
        expect(['refused', 3]).toContain(recordsOf(seal(bytes)));
      }),
      { numRuns: 500 },
    );
  });
});
