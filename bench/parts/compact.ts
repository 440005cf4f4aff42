/**
 * Compaction of a topic with 10 million updates of 1 million keys on the embedded stores, in steps of 256 MiB that are
 * dirty, against reading the same bytes once; and whether who reads it afterwards has what who read all updates had.
 */
import { nodeCompression } from '../../lib/broker/compression.ts';
import { fetchBatches } from '../../lib/broker/fetch/fetch.ts';
import { mergePages } from '../../lib/broker/lifecycle/merge-pages.ts';
import { produceBatches } from '../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { concatBytes, utf8 } from '../../lib/kernel/bytes.ts';
import { randomBelow, seededRandom } from '../../lib/kernel/random.ts';
import { DEFAULT_POLICY } from '../../lib/log/merged/due.ts';
import { records } from '../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import { ledgerOf } from '../../lib/log/topic/topic.ts';
import type { PassesJob, PassesResult } from '../compaction/passes.ts';
import { TOPIC, withBroker } from '../compaction/stores.ts';
import { type Report, show } from '../figure.ts';
import type { Part, PartContext } from '../part.ts';
import { text } from '../payloads.ts';
import { runProgram } from '../processes/child.ts';

const UPDATES = 10_000_000;
const KEYS = 1_000_000;
const BATCH_RECORDS = 1_000;
const VALUE_BYTES = 56;
const NUMBER_DIGITS = 8;
/** Batches between two looks at what is to be merged. */
const MERGE_EVERY = 500;
const STEP_BYTES = 256 * 1024 * 1024;
const BOUND_BYTES = 300e6;

export const compact: Part = {
  name: 'compact',
  summary:
    'a topic of 10 million updates of 1 million keys compacted in steps, against reading its bytes once; what readers get before and after',
  run: async (context) => {
    if (process.platform !== 'linux') {
      return {
        figures: [{ name: 'Compaction of a topic', skipped: 'its memory is read from /proc, which only Linux has' }],
      };
    }
    return run(context);
  },
};

async function run(context: PartContext): Promise<Report> {
  const { directory } = context;
  context.progress(`writing ${UPDATES} updates`);
  await write(directory);
  const before = await readTable(directory);
  context.progress(`${before.records} records make a table of ${before.size} keys`);
  const read = await pass(directory, 'read');
  const compacted = await pass(directory, 'compact');
  context.progress(
    `read in ${read.seconds.toFixed(1)} s, compacted in ${compacted.seconds.toFixed(1)} s, ${compacted.steps} steps`,
  );
  const after = await readTable(directory);
  if (before.records !== UPDATES) throw new Error(`${before.records} of ${UPDATES} updates were read`);
  if (!sameTable(before.newest, after.newest)) throw new Error('a reader after compaction has another table');
  return {
    figures: [
      {
        name: `Compaction in ${compacted.steps} steps, beside reading the bytes once`,
        value: compacted.seconds / read.seconds,
        show: show.ratio,
        note: `${show.megabytes(read.bytes)} in ${compacted.seconds.toFixed(1)} s, CPU ${compacted.cpuSeconds.toFixed(1)} s against ${read.cpuSeconds.toFixed(1)} s; ${after.records} records left, which make the same table of ${after.size} keys`,
      },
      {
        name: 'Compaction, resident memory, peak',
        value: compacted.peakBytes,
        show: show.megabytes,
        bound: { kind: 'below', value: BOUND_BYTES },
        note: `idle ${show.megabytes(compacted.idleBytes)}`,
      },
    ],
  };
}

async function pass(directory: string, work: PassesJob['work']): Promise<PassesResult> {
  const job: PassesJob = { directory, work, dirtyBytesMax: STEP_BYTES };
  const output = await runProgram(new URL('../compaction/passes.ts', import.meta.url), JSON.stringify(job));
  return JSON.parse(output) as PassesResult;
}

/** Keys in random order; a value begins with the update's number, and one update in a hundred is a tombstone. */
async function write(directory: string): Promise<void> {
  const random = seededRandom(1);
  const keys = Array.from({ length: KEYS }, (_, index) => utf8(String(index).padStart(NUMBER_DIGITS, '0')));
  const filler = text(random, VALUE_BYTES);
  await withBroker(directory, async (broker) => {
    const config = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': 0 };
    await createTopic(broker, { name: TOPIC, partitions: 1, config });
    const topic = await broker.topics.get(TOPIC);
    const { ledger } = ledgerOf(topic, 0);
    const timestamp = Date.now();
    for (let first = 0; first < UPDATES; first += BATCH_RECORDS) {
      const made = Array.from({ length: BATCH_RECORDS }, (_, index) => ({
        key: keys[randomBelow(random, KEYS)] as Uint8Array,
        value:
          randomBelow(random, 100) === 0 ? null : utf8(String(first + index).padStart(NUMBER_DIGITS, '0') + filler),
        timestamp,
        headers: [],
      }));
      await produceBatches(broker, { topic: TOPIC, partition: 0, batches: encodeBatch(made), acks: 'all' });
      if (first % (MERGE_EVERY * BATCH_RECORDS) === 0) await mergePages(broker, { topic, ledger });
    }
    await broker.sealer.seal(ledger);
    const policy = { ...DEFAULT_POLICY, pagesMin: 1 };
    while ((await mergePages(broker, { topic, ledger, policy })).outcome === 'merged');
  });
}

interface ReadTable {
  records: number;
  /** By key, the number of its newest update + 1; 0 where it has none, or a tombstone. */
  newest: Int32Array;
  size: number;
}

/** As a consumer makes it that knows nothing yet and reads from the beginning. */
function readTable(directory: string): Promise<ReadTable> {
  return withBroker(directory, async (broker) => {
    const newest = new Int32Array(KEYS);
    let count = 0;
    let position: Parameters<typeof fetchBatches>[1]['position'] = { at: 'earliest' };
    for (;;) {
      const request = { topic: TOPIC, partition: 0, position, maxBytes: 4_000_000, minBytes: 1, waitMs: 0 };
      const { batches, nextOffset, highWatermark } = await fetchBatches(broker, request);
      for (const { key, value } of records(concatBytes(batches), nodeCompression)) {
        newest[numberIn(key)] = value === null ? 0 : numberIn(value) + 1;
        count++;
      }
      if (nextOffset >= highWatermark) break;
      position = { at: 'offset', offset: nextOffset };
    }
    return { records: count, newest, size: newest.reduce((sum, number) => sum + (number === 0 ? 0 : 1), 0) };
  });
}

function numberIn(bytes: Uint8Array | null): number {
  let number = 0;
  for (let digit = 0; digit < NUMBER_DIGITS; digit++) number = number * 10 + ((bytes?.[digit] ?? 0) - 48);
  return number;
}

function sameTable(a: Int32Array, b: Int32Array): boolean {
  return a.every((number, key) => number === b[key]);
}
