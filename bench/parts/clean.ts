/**
 * Compaction's two passes over 10 million records of 1 million keys, from file to file in bounded memory, against
 * reading the same bytes. What stores and transactions add is not in it.
 */
import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { compactionLimits } from '../../lib/kernel/limits/compaction.ts';
import { randomBelow, seededRandom, systemRandom } from '../../lib/kernel/random.ts';
import { BatchCleaner } from '../../lib/log/compaction/clean.ts';
import { NewestOffsets } from '../../lib/log/compaction/newest-offsets.ts';
import { recordsPayload } from '../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import {
  BATCH_OVERHEAD,
  type BatchHeader,
  checkBatchChecksum,
  readBatchHeader,
} from '../../lib/log/record-batch/header.ts';
import { RecordReader } from '../../lib/log/record-batch/record-reader.ts';
import { type Report, show } from '../figure.ts';
import type { Part, PartContext } from '../part.ts';
import { text } from '../payloads.ts';

const RECORDS = 10_000_000;
const KEYS = 1_000_000;
const BATCH_RECORDS = 1_000;
const VALUE_BYTES = 64;
const CHUNK_BYTES = 8 * 1024 * 1024;

export const clean: Part = {
  name: 'clean',
  summary:
    'records per second of CPU in the two passes of compaction, 10 million records with 1 million keys, against reading them',
  run,
};

function run(context: PartContext): Promise<Report> {
  const { directory } = context;
  const dirty = join(directory, 'dirty');
  const cleaned = join(directory, 'cleaned');
  context.progress(`writing ${RECORDS} records`);
  writeLog(dirty);
  const bytes = statSync(dirty).size;
  const read = seconds(() => readLog(dirty, () => {}));
  const decoded = seconds(() => readLog(dirty, walkRecords));
  context.progress(`reading: ${read.toFixed(1)} s, with every record: ${decoded.toFixed(1)} s`);

  const newest = new NewestOffsets({
    from: 0,
    memoryBytes: compactionLimits.compactionKeyBytesMax,
    random: systemRandom,
  });
  const first = seconds(() => readLog(dirty, (chunk, header) => newest.offer(chunk, header, nodeCompression)));
  context.progress(`first pass: ${first.toFixed(1)} s, ${newest.size} keys`);

  const options = { newest, compression: nodeCompression, nowMs: Date.now(), deleteRetentionMs: 0 };
  const second = seconds(() => cleanLog(dirty, cleaned, new BatchCleaner(options)));
  context.progress(`second pass: ${second.toFixed(1)} s`);
  let kept = 0;
  readLog(cleaned, (_, { recordCount }) => {
    kept += recordCount;
  });
  return Promise.resolve({
    figures: [
      { name: 'Compaction, first pass, records per second of CPU', value: RECORDS / first, show: show.perSecond },
      { name: 'Compaction, second pass, records per second of CPU', value: RECORDS / second, show: show.perSecond },
      {
        name: 'Compaction, both passes, beside reading the bytes once',
        value: (first + second) / read,
        show: show.ratio,
        note: `${show.megabytes(bytes)} to ${show.megabytes(statSync(cleaned).size)}, ${newest.size} keys, ${kept} records left`,
      },
      {
        name: 'Compaction, both passes, beside looking at every record once',
        value: (first + second) / decoded,
        show: show.ratio,
        note: 'from the page cache, checksums included: what any reader of the log does at least',
      },
    ],
  });
}

/** Keys in random order; one record in a hundred is a tombstone. */
function writeLog(path: string): void {
  const random = seededRandom(1);
  const keys = Array.from({ length: KEYS }, (_, index) => utf8(`customer-${String(index).padStart(7, '0')}`));
  const value = utf8(text(random, VALUE_BYTES));
  const file = openSync(path, 'w');
  for (let baseOffset = 0; baseOffset < RECORDS; baseOffset += BATCH_RECORDS) {
    const records = Array.from({ length: BATCH_RECORDS }, (_, index) => ({
      key: keys[randomBelow(random, KEYS)] as Uint8Array,
      value: randomBelow(random, 100) === 0 ? null : value,
      timestamp: 1_767_225_600_000 + baseOffset + index,
      headers: [],
    }));
    writeSync(file, encodeBatch(records, { baseOffset }));
  }
  closeSync(file);
}

function cleanLog(from: string, to: string, cleaner: BatchCleaner): void {
  const file = openSync(to, 'w');
  readLog(from, (chunk, header) => {
    const rewrite = cleaner.clean(chunk, header);
    if (rewrite.kind === 'gone') return;
    const { position, sizeBytes } = header;
    writeSync(file, rewrite.kind === 'rewritten' ? rewrite.batch : chunk.subarray(position, position + sizeBytes));
  });
  closeSync(file);
}

/** What reading records takes without making anything of them. */
function walkRecords(chunk: Uint8Array, header: BatchHeader): void {
  checkBatchChecksum(chunk, header.position);
  const reader = new RecordReader(header, recordsPayload(chunk, header, nodeCompression));
  for (let index = 0; index < header.recordCount; index++) reader.read();
  reader.finish();
}

/** Reads chunk by chunk; a batch that a chunk cuts off begins the next one. */
function readLog(path: string, onBatch: (chunk: Uint8Array, header: BatchHeader) => void): void {
  const file = openSync(path, 'r');
  const buffer = new Uint8Array(CHUNK_BYTES);
  let left = 0;
  for (;;) {
    const read = readSync(file, buffer, left, CHUNK_BYTES - left, null);
    if (read === 0) break;
    const chunk = buffer.subarray(0, left + read);
    let position = 0;
    while (position + BATCH_OVERHEAD <= chunk.length) {
      const header = readBatchHeader(chunk, position);
      if (position + header.sizeBytes > chunk.length) break;
      onBatch(chunk, header);
      position += header.sizeBytes;
    }
    buffer.copyWithin(0, position, chunk.length);
    left = chunk.length - position;
  }
  closeSync(file);
}

/** Of CPU, all threads: the passes do nothing but compute, and other work on the machine doesn't count. */
function seconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
