import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { bytesEqual, utf8 } from '../../../lib/kernel/bytes.ts';
import { BatchEraser, type Subject } from '../../../lib/log/erasure/erase.ts';
import { COMPRESSION_TYPES } from '../../../lib/log/record-batch/compression.ts';
import { decodeBatch } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { ATTRIBUTE, readBatchHeader } from '../../../lib/log/record-batch/header.ts';
import type { LogRecord, NewRecord, RecordHeader } from '../../../lib/log/record-batch/record.ts';
import type { Rewrite } from '../../../lib/log/record-batch/rewrite.ts';
import { rawBatch, rawRecord } from '../record-batch/raw-batch.ts';

function erase(batch: Uint8Array, subject: Subject): Rewrite {
  return new BatchEraser(subject, nodeCompression).erase(batch, readBatchHeader(batch));
}

function record(key: string | null, headers: RecordHeader[] = []): NewRecord {
  return { key: key === null ? null : utf8(key), value: utf8('v'), timestamp: 1_000, headers };
}

const header = (key: string, value: string | null): RecordHeader => ({
  key,
  value: value === null ? null : utf8(value),
});

/** Few names, keys and values, so that many are the same; some are empty or null. */
const texts = fc.constantFrom('', 'a', 'ab', 'b');
const batches = fc.record({
  codec: fc.constantFrom(...COMPRESSION_TYPES),
  records: fc.array(
    fc.tuple(fc.option(texts), fc.array(fc.tuple(texts, fc.option(texts)), { maxLength: 3 })).map(([key, headers]) =>
      record(
        key,
        headers.map(([name, value]) => header(name, value)),
      ),
    ),
    { minLength: 1, maxLength: 6 },
  ),
});
const subjects: fc.Arbitrary<Subject> = fc.oneof(
  texts.map((key): Subject => ({ kind: 'key', key: utf8(key) })),
  fc.tuple(texts, texts).map(([name, value]): Subject => ({ kind: 'header', name, value: utf8(value) })),
);

function isOf(subject: Subject, { key, headers }: NewRecord): boolean {
  if (subject.kind === 'key') return key !== null && bytesEqual(key, subject.key);
  return headers.some(
    (each) => each.key === subject.name && each.value !== null && bytesEqual(each.value, subject.value),
  );
}

/** What came out, with the records in place of the bytes. */
function told(outcome: Rewrite) {
  if (outcome.kind !== 'rewritten') return outcome;
  const { batch, ...rest } = outcome;
  return { ...rest, records: decodeBatch(batch, 0, nodeCompression) };
}

function expected(count: number, left: LogRecord[]): ReturnType<typeof told> {
  if (left.length === count) return { kind: 'unchanged' };
  const removed = count - left.length;
  return left.length === 0 ? { kind: 'gone', removed } : { kind: 'rewritten', removed, records: left };
}

test('takes exactly the subject’s records out of any batch, and changes no byte of one that has none', () => {
  fc.assert(
    fc.property(batches, subjects, ({ codec, records }, subject) => {
      const batch = encodeBatch(records, { compressionType: codec, compression: nodeCompression, baseOffset: 500 });
      const left = decodeBatch(batch, 0, nodeCompression).filter((each) => !isOf(subject, each));
      expect(told(erase(batch, subject))).toEqual(expected(records.length, left));
    }),
  );
});

test('leaves nothing of the subject in the bytes', () => {
  const batch = encodeBatch([record('other'), record('subject-17', [header('email', 'a@example.org')]), record(null)]);
  const outcome = erase(batch, { kind: 'header', name: 'email', value: utf8('a@example.org') });
  if (outcome.kind !== 'rewritten') throw new Error(`it is ${outcome.kind}`);
  const text = Buffer.from(outcome.batch.buffer, 0, outcome.batch.buffer.byteLength).toString('latin1');
  expect(text).toContain('other');
  expect(text).not.toContain('subject-17');
  expect(text).not.toContain('example');
});

test('leaves control batches and empty batches as they are', () => {
  const control = rawBatch(rawRecord(), { attributes: ATTRIBUTE.control });
  expect(erase(control, { kind: 'key', key: utf8('k') })).toEqual({ kind: 'unchanged' });
  const empty = rawBatch(new Uint8Array(0), { recordCount: 0 });
  expect(erase(empty, { kind: 'key', key: utf8('k') })).toEqual({ kind: 'unchanged' });
});
