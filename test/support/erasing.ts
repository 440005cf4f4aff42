/** What tests of erasures share: records of subjects, what readers get, and every byte that is stored. */
import { expect } from 'vitest';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { carryOutErasures } from '../../lib/broker/erasures/carry-out-erasures.ts';
import { maintain } from '../../lib/broker/maintain.ts';
import { type ProduceBatchesResult, produceBatches } from '../../lib/broker/produce/produce-batches.ts';
import { toHex, utf8 } from '../../lib/kernel/bytes.ts';
import type { ItemKey, Value } from '../../lib/kernel/items.ts';
import { maintenanceLimits } from '../../lib/kernel/limits/maintenance.ts';
import { decodeSegmentFooter } from '../../lib/log/merged/segment-footer.ts';
import type { CompressionType } from '../../lib/log/record-batch/compression.ts';
import { records, recordsPayload } from '../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import { batchHeaders } from '../../lib/log/record-batch/header.ts';
import type { NewRecord } from '../../lib/log/record-batch/record.ts';
import { decodeFooter } from '../../lib/log/segment/footer.ts';
import { decodeInline } from '../../lib/storage/objects/inline-item.ts';
import type { Process, Stores } from './broker.ts';
import { readBatchesOf } from './merging.ts';

/** Nothing else that is stored has these bytes. */
export const SUBJECT = 'subject-4711@example.com';

export function recordOf(key: string | null, value: string, headers: Record<string, string> = {}): NewRecord {
  return {
    timestamp: Date.UTC(2026, 0, 1),
    key: key === null ? null : utf8(key),
    value: utf8(value),
    headers: Object.entries(headers).map(([name, text]) => ({ key: name, value: utf8(text) })),
  };
}

export interface WriteOptions {
  partition?: number;
  compressionType?: CompressionType;
  acks?: 'leader' | 'all';
  producer?: { producerId: bigint; producerEpoch: number; baseSequence: number };
}

export async function write(
  { broker }: Pick<Process, 'broker'>,
  topic: string,
  written: readonly NewRecord[],
  { partition = 0, compressionType = 'none', acks = 'all', producer }: WriteOptions = {},
): Promise<ProduceBatchesResult> {
  const batches = encodeBatch(written, { compressionType, compression: nodeCompression, ...producer });
  return produceBatches(broker, { topic, partition, batches, acks });
}

/** Each record of a partition as a consumer gets it, by its offset. */
export async function readRecords(stores: Stores, topic: string, partition = 0): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const batch of await readBatchesOf(stores, partition, { topic })) {
    for (const { offset, ...record } of records(batch, nodeCompression)) {
      found.set(
        offset,
        JSON.stringify(record, (_, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value)),
      );
    }
  }
  return found;
}

export function without(found: ReadonlyMap<number, string>, offsets: readonly number[]): Map<number, string> {
  return new Map([...found].filter(([offset]) => !offsets.includes(offset)));
}

/** The names of all items and objects that have these bytes, also in compressed batches. */
export async function tracesOf(stores: Stores, text = SUBJECT): Promise<string[]> {
  const needle = Buffer.from(text);
  const found: string[] = [];
  for (const key of await allKeys(stores)) {
    const item = await stores.metadata.get(key, 'strong');
    const inline = key.pk.startsWith('inline#') && item !== undefined ? decodeInline(item) : undefined;
    const isThere = inline !== undefined && holdsFlushed(inline, needle);
    if (isThere || chunksOf(item ?? {}).some((bytes) => holds(bytes, needle))) found.push(`${key.pk} ${key.sk}`);
  }
  for (const [tier, isIn] of [['segments/', holdsFlushed] as const, ['merged/', holdsMerged] as const]) {
    let cursor: string | undefined;
    do {
      const page = await stores.objects.list(tier, cursor);
      for (const { name } of page.objects) {
        const bytes = await stores.objects.getRange(name);
        if (bytes !== undefined && isIn(bytes, needle)) found.push(name);
      }
      cursor = page.next;
    } while (cursor !== undefined);
  }
  return found;
}

async function allKeys({ metadata }: Stores): Promise<ItemKey[]> {
  const keys: ItemKey[] = [];
  let cursor: string | undefined;
  do {
    const page = await metadata.scanKeys(cursor);
    keys.push(...page.keys);
    cursor = page.next;
  } while (cursor !== undefined);
  return keys;
}

function chunksOf(value: Value): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (typeof value === 'string') return [utf8(value)];
  if (Array.isArray(value)) return value.flatMap(chunksOf);
  if (typeof value === 'object') return Object.values(value).flatMap(chunksOf);
  return [];
}

function holds(bytes: Uint8Array, needle: Buffer): boolean {
  return Buffer.from(bytes).includes(needle);
}

/** `batches`: how many of its first bytes are record batches. */
function holdsInBatches(bytes: Uint8Array, batches: number, needle: Buffer): boolean {
  return [...batchHeaders(bytes.subarray(0, batches))].some((header) => {
    const { source, start, end } = recordsPayload(bytes, header, nodeCompression);
    return holds(source.subarray(start, end), needle);
  });
}

function holdsFlushed(bytes: Uint8Array, needle: Buffer): boolean {
  // What a probe of a replica leaves.
  if (bytes.length === 1) return false;
  const runs = decodeFooter(bytes).parts.flatMap((part) => part.runs);
  const batches = runs.reduce((sum, run) => sum + run.bytes, 0);
  return holds(bytes, needle) || holdsInBatches(bytes, batches, needle);
}

function holdsMerged(bytes: Uint8Array, needle: Buffer): boolean {
  const last = decodeSegmentFooter(bytes).blocks.at(-1);
  return holds(bytes, needle) || holdsInBatches(bytes, last === undefined ? 0 : last.position + last.bytes, needle);
}

/** Maintenance for as long as an erasure takes, by a process of its own choice. */
export async function untilDone({ broker, clock }: Pick<Process, 'broker' | 'clock'>): Promise<void> {
  for (let round = 0; round < 30; round++) {
    const under = maintain(broker);
    await clock.until(under);
    expect(await under).toEqual([]);
    if ((await carryOutErasures(broker)).erasures === 0) return;
    await clock.advance(maintenanceLimits.maintenanceIntervalMs);
  }
  expect.unreachable('the erasure comes to its end');
}
