/**
 * What tests of compaction share: updates of keys by every way to write, and the table that a reader makes of a topic.
 */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { fetchBatches } from '../../lib/broker/fetch/fetch.ts';
import { type Compaction, type CompactionBounds, compactPartition } from '../../lib/broker/lifecycle/compact.ts';
import { deleteRecords } from '../../lib/broker/lifecycle/delete-records.ts';
import { mergePages } from '../../lib/broker/lifecycle/merge-pages.ts';
import { mergeSegments } from '../../lib/broker/lifecycle/merge-segments.ts';
import { produceBatches } from '../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { describePartition } from '../../lib/broker/topics/describe-topic.ts';
import { transact } from '../../lib/broker/transactions/transact.ts';
import { concatBytes, utf8, utf8Text } from '../../lib/kernel/bytes.ts';
import { keyMapBytes } from '../../lib/log/compaction/key-map.ts';
import type { CompressionType } from '../../lib/log/record-batch/compression.ts';
import { records } from '../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import type { LogRecord } from '../../lib/log/record-batch/record.ts';
import { ledgerOf } from '../../lib/log/topic/topic.ts';
import { makeBroker, type Process, record, type Stores } from './broker.ts';
import { AT_ONCE } from './merging.ts';
import { finished } from './transactions.ts';

export interface Update {
  key: string;
  /** `null`: a tombstone. */
  value: string | null;
}

export type WorldStep =
  | { step: 'produce'; updates: Update[]; codec: CompressionType }
  | { step: 'transact'; updates: Update[] }
  | { step: 'merge' }
  | { step: 'merge-segments'; targetBytes: number }
  | { step: 'compact'; keys: number; bytesMax: number; groupBytesMax: number }
  | { step: 'delete'; share: number }
  | { step: 'wait'; ms: number };

const update: fc.Arbitrary<Update> = fc.record({
  key: fc.integer({ min: 0, max: 7 }).map((key) => `key ${key}`),
  value: fc.option(fc.string({ maxLength: 40 }), { freq: 3 }),
});

const updates = fc.array(update, { minLength: 1, maxLength: 6 });

export const worldSteps: fc.Arbitrary<WorldStep[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        step: fc.constant('produce' as const),
        updates,
        codec: fc.constantFrom<CompressionType[]>('none', 'none', 'gzip', 'lz4'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('transact' as const), updates }) },
    { weight: 3, arbitrary: fc.constant({ step: 'merge' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        step: fc.constant('merge-segments' as const),
        targetBytes: fc.constantFrom(400, 1_000, 100_000),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        step: fc.constant('compact' as const),
        keys: fc.constantFrom(1, 3, 1_000),
        bytesMax: fc.constantFrom(1, 400, 1_000_000),
        groupBytesMax: fc.constantFrom(1, 1_000_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ step: fc.constant('delete' as const), share: fc.constantFrom(0.2, 0.5) }),
    },
    { weight: 2, arbitrary: fc.record({ step: fc.constant('wait' as const), ms: fc.constantFrom(10, 600, 2_000) }) },
  ),
  { minLength: 5, maxLength: 40, size: 'max' },
);

export const DELETE_RETENTION_MS = 1_000;

/** Of a topic that is compacted whenever anything is dirty. */
export const COMPACTED: Record<string, string> = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0',
  'delete.retention.ms': String(DELETE_RETENTION_MS),
};

/** A compacted topic `t` of one partition. */
export async function makeCompacted(stores: Stores, config: Record<string, string> = {}): Promise<Process> {
  const process = makeBroker({ stores });
  await createTopic(process.broker, { name: 't', partitions: 1, config: { ...COMPACTED, ...config } });
  return process;
}

function batchOfUpdates(list: readonly Update[], codec: CompressionType, timestamp: number): Uint8Array {
  const made = list.map(({ key, value }) =>
    record('', { key: utf8(key), value: value === null ? null : utf8(value), timestamp }),
  );
  return encodeBatch(made, { compressionType: codec, compression: nodeCompression });
}

export async function produceUpdates(
  process: Process,
  list: readonly Update[],
  { topic = 't', partition = 0, codec = 'none' }: { topic?: string; partition?: number; codec?: CompressionType } = {},
): Promise<void> {
  const batches = batchOfUpdates(list, codec, process.clock.now());
  await finished(process, produceBatches(process.broker, { topic, partition, batches, acks: 'all' }));
}

export async function mergeAll({ broker }: Process, name = 't'): Promise<void> {
  const topic = await broker.topics.get(name);
  const { ledger } = ledgerOf(topic, 0);
  await broker.sealer.seal(ledger);
  await mergePages(broker, { topic, ledger, policy: AT_ONCE });
}

export async function compact(
  { broker }: Process,
  bounds?: Partial<CompactionBounds>,
  signal?: AbortSignal,
): Promise<Compaction> {
  const topic = await broker.topics.get('t');
  return compactPartition(broker, {
    topic,
    partition: 0,
    ...(bounds !== undefined && { bounds }),
    ...(signal !== undefined && { signal }),
  });
}

export async function takeStep(process: Process, step: WorldStep): Promise<void> {
  switch (step.step) {
    case 'produce':
      return produceUpdates(process, step.updates, step);
    case 'transact': {
      const list = step.updates.map(({ key, value }) => ({
        topic: 't',
        partition: 0,
        key: utf8(key),
        value: value === null ? null : utf8(value),
        headers: [],
      }));
      await finished(process, transact(process.broker, { records: list }));
      return;
    }
    case 'merge':
      return mergeAll(process);
    case 'merge-segments': {
      const topic = await process.broker.topics.get('t');
      const { ledger } = ledgerOf(topic, 0);
      await mergeSegments(process.broker, { topic, ledger, partition: 0, targetBytes: step.targetBytes });
      return;
    }
    case 'delete': {
      const { logStartOffset, highWatermark } = await describePartition(process.broker, 't', 0);
      const offset = logStartOffset + Math.floor((highWatermark - logStartOffset) * step.share);
      await deleteRecords(process.broker, {
        topic: 't',
        partitions: [{ partition: 0, before: { at: 'offset', offset } }],
      });
      return;
    }
    case 'compact': {
      const { keys, bytesMax, groupBytesMax } = step;
      const bounds = { dirtyBytesMax: bytesMax, stepBytesMax: bytesMax, groupBytesMax };
      await compact(process, { keyBytesMax: keyMapBytes(keys), ...bounds });
      return;
    }
    case 'wait':
      await process.clock.advance(step.ms);
  }
}

/** What a consumer gets that knows nothing yet, from the offset on or from the log start. */
export async function readLog(stores: Stores, from = 0): Promise<LogRecord[]> {
  const { broker } = makeBroker({ stores });
  const { logStartOffset } = await describePartition(broker, 't', 0);
  const first = Math.max(from, logStartOffset);
  const found: LogRecord[] = [];
  for (let offset = first; ; ) {
    const request = { topic: 't', partition: 0, maxBytes: 1_000, minBytes: 1, waitMs: 0 };
    const answer = await fetchBatches(broker, { ...request, position: { at: 'offset', offset } });
    found.push(...records(concatBytes(answer.batches), nodeCompression));
    if (answer.nextOffset >= answer.highWatermark) break;
    offset = answer.nextOffset;
  }
  return found.filter(({ offset }) => offset >= first);
}

/** The newest value of each key that is not deleted. */
export function tableOf(log: readonly Pick<LogRecord, 'key' | 'value'>[]): Map<string, string> {
  const table = new Map<string, string>();
  for (const { key, value } of log) {
    if (key === null) continue;
    if (value === null) table.delete(text(key));
    else table.set(text(key), text(value));
  }
  return table;
}

function text(bytes: Uint8Array): string {
  return utf8Text(bytes) ?? '';
}

/**
 * `history` is all that was ever written. What a reader gets now is some of it, as it was, and makes the same table.
 */
export async function checkAgainst(stores: Stores, history: readonly LogRecord[]): Promise<void> {
  const log = await readLog(stores);
  expect(log).toEqual(log.map(({ offset }) => history[offset]));
  const { logStartOffset } = await describePartition(makeBroker({ stores }).broker, 't', 0);
  const kept = history.slice(logStartOffset);
  expect(tableOf(log)).toEqual(tableOf(kept));
  const there = new Set(log.map(({ offset }) => offset));
  const newest = [...new Map(kept.map((one) => [text(one.key ?? new Uint8Array()), one])).values()];
  for (const { value, timestamp } of newest.filter(({ offset }) => !there.has(offset))) {
    expect(value).toBeNull();
    expect(stores.clock.now()).toBeGreaterThanOrEqual(timestamp + DELETE_RETENTION_MS);
  }
  const middle = history.length >>> 1;
  expect(await readLog(stores, middle)).toEqual(log.filter(({ offset }) => offset >= middle));
}
