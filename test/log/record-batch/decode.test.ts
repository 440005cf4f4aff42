import { describe, expect, test } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { concatBytes, utf8 } from '../../../lib/kernel/bytes.ts';
import { COMPRESSION_TYPES, noCompression } from '../../../lib/log/record-batch/compression.ts';
import { decodeBatch, records } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { patchBatch, setLogAppendTime } from '../../../lib/log/record-batch/header.ts';
import { bitFlips, countRefused, rawBatch, rawRecord, refusal, seal, TIME } from './raw-batch.ts';
import { vector, vectors } from './vectors.ts';

const decode = (bytes: Uint8Array) => decodeBatch(bytes, 0, nodeCompression);

describe('decodeBatch', () => {
  test.each(vectors.map((made) => [made.name, made] as const))('reads what Java wrote: %s', (_, made) => {
    expect(decode(made.bytes)).toEqual(made.records);
  });

  test('gives views into the batch, plain ones even of a Buffer', () => {
    const bytes = Buffer.from(vector('one record, none').bytes);
    const [record] = decode(bytes);
    expect(record?.key?.buffer).toBe(bytes.buffer);
    expect(Buffer.isBuffer(record?.key)).toBe(false);
    expect(record?.value).toEqual(utf8('value'));
  });

  test('gives every record the max timestamp once the broker has set its own', () => {
    const { bytes, records: made } = vector('300 records');
    setLogAppendTime(bytes, 0, TIME + 9);
    expect(decode(bytes).map(({ timestamp }) => timestamp)).toEqual(made.map(() => TIME + 9));
  });

  test('counts offsets from the patched base', () => {
    const { bytes } = vector('idempotent');
    patchBatch(bytes, 0, { baseOffset: 77, leaderEpoch: 0 });
    expect(decode(bytes).map(({ offset }) => offset)).toEqual([77, 78, 79]);
  });

  test('refuses a wrong checksum, unless its caller has checked it', () => {
    const { bytes } = vector('one record, none');
    bytes[74] = 0x21; // the value's last byte; no other check can see it
    expect(refusal(() => decode(bytes))).toMatch(/^CORRUPT_MESSAGE: .*checksum/);
    expect(decodeBatch(bytes, 0, nodeCompression, { verifyChecksum: false })[0]?.value).toEqual(utf8('valu!'));
  });

  test('refuses to inflate beyond the limit', () => {
    const { bytes } = vector('several blocks, zstd');
    expect(refusal(() => decodeBatch(bytes, 0, nodeCompression, { inflatedBytesMax: 1000 }))).toBe(
      'MESSAGE_TOO_LARGE: The zstd stream inflates to more than 1000 bytes.',
    );
  });

  test('refuses a compressed batch by name where there is no codec', () => {
    expect(refusal(() => decodeBatch(vector('a mix, lz4').bytes, 0, noCompression))).toBe(
      'UNSUPPORTED_COMPRESSION_TYPE: No codec for lz4 was given.',
    );
  });

  test.each(COMPRESSION_TYPES)('refuses a batch cut off at any byte: %s', (type) => {
    const { bytes } = vector(`a mix, ${type}`);
    for (let length = 0; length < bytes.length; length++) {
      expect(refusal(() => decode(bytes.subarray(0, length)))).toMatch(/^CORRUPT_MESSAGE: /);
    }
  });

  test.each(COMPRESSION_TYPES)('refuses records cut off at any byte though length and CRC are right: %s', (type) => {
    const { bytes, header } = vector(`a mix, ${type}`);
    for (let length = 61; length < bytes.length; length++) {
      const cut = seal(rawBatch(bytes.slice(61, length), { ...countsOf(header), attributes: bytes[22] }));
      expect(refusal(() => decode(cut))).toMatch(/^(CORRUPT_MESSAGE|INVALID_RECORD): /);
    }
  });

  test.each(COMPRESSION_TYPES)('never fails but with a reason, whichever bit is flipped and sealed: %s', (type) => {
    const { bytes } = vector(`a mix, ${type}`);
    expect(countRefused(bitFlips(bytes), (flipped) => decode(seal(flipped)))).toBeGreaterThan(100);
  });
});

describe('malformed records', () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  test.each([
    ['a record without its end', rawRecord().subarray(0, 5), 'its length is 8, 4 bytes are left'],
    ['a negative length', rawRecord({ length: -1 }), 'its length is -1'],
    ['a length one too short', rawRecord({ length: 7 }), 'its length is 7, its fields take 8 bytes'],
    [
      'a length one too long',
      concatBytes([rawRecord({ length: 9 }), bytes(0)]),
      'its length is 9, its fields take 8 bytes',
    ],
    ['a length of 6 bytes', bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0x01), 'the varint at byte 61 is longer than 32 bits'],
    ['an empty body', bytes(0), 'the bytes end at byte 62'],
    ['attributes', rawRecord({ attributes: 1 }), 'its attributes are 1, they must be 0'],
    ['a timestamp below -1', rawRecord({ timestampDelta: -TIME - 2 }), 'its timestamp is not -1 or between'],
    ['a timestamp beyond 2^53', rawRecord({ timestampDelta: 2 ** 53 - TIME }), 'its timestamp is not -1 or between'],
    [
      'an offset delta below 0',
      rawRecord({ offsetDelta: -1 }),
      'its offset delta is -1, it must be above -1 and at most 0',
    ],
    ['an offset delta beyond the last', rawRecord({ offsetDelta: 1 }), 'its offset delta is 1, it must be above -1'],
    ['a key length below -1', rawRecord({ keyLength: -2 }), 'its key has length -2, only -1 stands for null'],
    ['a key beyond the batch', rawRecord({ keyLength: 100 }), '100 bytes are announced at byte 67, 4 are left'],
    ['a key of 2 GiB', rawRecord({ keyLength: 2 ** 31 - 1 }), '2147483647 bytes are announced'],
    ['a key that swallows the value', rawRecord({ keyLength: 3 }), 'the bytes end at byte 70'],
    ['a value length below -1', rawRecord({ valueLength: -(2 ** 31) }), 'its value has length -2147483648'],
    ['a value beyond the batch', rawRecord({ valueLength: 3 }), '3 bytes are announced at byte 68, 2 are left'],
    ['a header count below 0', rawRecord({ headerCount: -1 }), 'it announces -1 headers'],
    ['more headers than fit', rawRecord({ headerCount: 2 ** 31 - 1 }), 'it announces 2147483647 headers'],
    ['a header too many', rawRecord({ headerCount: 2, headers: bytes(2, 0x61, 0) }), 'it announces 2 headers'],
    ['a null header key', rawRecord({ headerCount: 1, headers: bytes(1, 0) }), 'the key of its header 0 is null'],
    [
      'a header key beyond the batch',
      rawRecord({ headerCount: 1, headers: bytes(20, 0x61, 0) }),
      '10 bytes are announced',
    ],
    [
      'a header key that is no UTF-8',
      rawRecord({ headerCount: 1, headers: bytes(2, 0xff, 0) }),
      'header 0 is not UTF-8',
    ],
    [
      'a header value length below -1',
      rawRecord({ headerCount: 1, headers: bytes(2, 0x61, 3) }),
      'header 0 has length -2',
    ],
    [
      'a header value beyond the batch',
      rawRecord({ headerCount: 1, headers: bytes(2, 0x61, 4) }),
      '2 bytes are announced',
    ],
    ['a byte after the last record', concatBytes([rawRecord(), bytes(0)]), '1 bytes follow the last of its 1 records'],
    ['a record after the last', concatBytes([rawRecord(), rawRecord()]), '9 bytes follow the last of its 1 records'],
    ['no record where one is counted', bytes(), 'the bytes end at byte 61'],
  ])('refuses %s', (_, payload, reason) => {
    const sentence = refusal(() => decode(rawBatch(payload)));
    expect(sentence).toContain(reason);
    expect(sentence).toMatch(/^(INVALID_RECORD|INVALID_TIMESTAMP): The record batch at byte 0: /);
  });

  test('refuses offsets that do not rise', () => {
    const twice = concatBytes([rawRecord({ offsetDelta: 1 }), rawRecord({ offsetDelta: 1 })]);
    expect(refusal(() => decode(rawBatch(twice, { lastOffsetDelta: 4, recordCount: 2 })))).toContain(
      'record 1 of 2: its offset delta is 1, it must be above 1 and at most 4',
    );
  });

  test('says that positions are those of the inflated records where they are', () => {
    const stream = nodeCompression.compress('gzip', rawRecord({ keyLength: 100 }));
    expect(refusal(() => decode(rawBatch(stream, { attributes: 1 })))).toContain(
      'record 0 of 1 (inflated): 100 bytes are announced at byte 6, 4 are left.',
    );
  });

  test('refuses records in a batch that counts none', () => {
    expect(refusal(() => decode(rawBatch(rawRecord(), { recordCount: 0 })))).toContain('9 bytes follow');
  });

  test('says so soon where two billion records are counted', () => {
    const counts = { lastOffsetDelta: 2 ** 31 - 1, recordCount: 2 ** 31 - 1 };
    expect(refusal(() => decode(rawBatch(rawRecord(), counts)))).toContain('record 1 of 2147483647: the bytes end');
  });
});

describe('records', () => {
  test('goes through concatenated batches of every compression', () => {
    const made = COMPRESSION_TYPES.map((type) => vector(`a mix, ${type}`));
    expect([...records(concatBytes(made.map(({ bytes }) => bytes)), nodeCompression)]).toEqual(
      made.flatMap((each) => each.records),
    );
  });

  test('gives none for no bytes', () => {
    expect([...records(new Uint8Array(0), nodeCompression)]).toEqual([]);
  });

  test('gives what comes before a truncated batch, and then refuses', () => {
    const { bytes } = vector('one record, none');
    const walk = records(concatBytes([bytes, bytes.subarray(0, 70)]), nodeCompression);
    expect(walk.next().done).toBe(false);
    expect(refusal(() => walk.next())).toMatch(/^CORRUPT_MESSAGE: The record batch at byte 76: it is truncated/);
  });

  test('does not inflate what is not asked for', () => {
    const first = encodeBatch([{ timestamp: TIME, key: null, value: utf8('1'), headers: [] }]);
    const walk = records(concatBytes([first, vector('a mix, lz4').bytes]), noCompression);
    expect(walk.next().value?.value).toEqual(utf8('1'));
    expect(refusal(() => walk.next())).toMatch(/^UNSUPPORTED_COMPRESSION_TYPE/);
  });
});

function countsOf(header: { lastOffsetDelta: number; recordCount: number }) {
  return { lastOffsetDelta: header.lastOffsetDelta, recordCount: header.recordCount };
}
