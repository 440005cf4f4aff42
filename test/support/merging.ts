/**
 * What tests of merging share: pages that are always due, what readers get of a partition, and what is stored for it.
 */
import { expect } from 'vitest';
import { fetchBatches } from '../../lib/broker/fetch/fetch.ts';
import { mergePages, type PageMerge } from '../../lib/broker/lifecycle/merge-pages.ts';
import type { LedgerId } from '../../lib/kernel/ids.ts';
import { mergingLimits } from '../../lib/kernel/limits/merging.ts';
import { ledgerKey } from '../../lib/log/ledger/head.ts';
import { CONDEMNED_END, CONDEMNED_START, decodeCondemned } from '../../lib/log/merged/condemned-item.ts';
import type { MergePolicy } from '../../lib/log/merged/due.ts';
import {
  decodeSegmentItem,
  partitionKey,
  SEGMENTS_END,
  SEGMENTS_START,
  type SegmentItem,
} from '../../lib/log/merged/segment-item.ts';
import { batchHeaders } from '../../lib/log/record-batch/header.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { makeBroker, type Process, type Stores } from './broker.ts';
import type { Action } from './random-partition.ts';

/** Every page is due, as many as there are. */
export const AT_ONCE: MergePolicy = { bytesMin: 0, pagesMin: 1, ageMsMin: 0, stepBytesMax: 1_000_000_000 };

export async function mergeOnce(
  { broker }: Pick<Process, 'broker'>,
  ledger: LedgerId,
  options: { policy?: MergePolicy; signal?: AbortSignal } = {},
): Promise<PageMerge> {
  const topic = await broker.topics.get('t');
  return mergePages(broker, { topic, ledger, policy: AT_ONCE, ...options });
}

/**
 * Each batch of the partition as a consumer gets it, over as many fetches as it takes, by a process that knows nothing
 * yet.
 */
export async function readBatchesOf(
  stores: Stores,
  partition: number,
  { topic = 't', from = 0 }: { topic?: string; from?: number } = {},
): Promise<Buffer[]> {
  const { broker } = makeBroker({ stores });
  const request = { topic, partition, maxBytes: 4_000_000, minBytes: 1, waitMs: 0 };
  const found: Buffer[] = [];
  for (let at = from; ; ) {
    const { batches, nextOffset, highWatermark } = await fetchBatches(broker, {
      ...request,
      position: { at: 'offset', offset: at },
    });
    for (const chunk of batches) {
      for (const { position, sizeBytes } of batchHeaders(chunk)) {
        found.push(Buffer.from(chunk.subarray(position, position + sizeBytes)));
      }
    }
    if (nextOffset >= highWatermark) return found;
    expect(nextOffset).toBeGreaterThan(at);
    at = nextOffset;
  }
}

export async function segmentsOf(
  { metadata }: { metadata: MetadataStore },
  { topicId }: LedgerId,
  partition: number,
): Promise<SegmentItem[]> {
  const pk = partitionKey(topicId, partition);
  const query = { pk, from: SEGMENTS_START, to: SEGMENTS_END, limit: 1_000, consistency: 'strong' as const };
  return (await metadata.query(query)).items.map(decodeSegmentItem);
}

/** The names of all merged objects, those that segments refer to and others. */
export async function mergedObjects({ objects }: Pick<Stores, 'objects'>): Promise<string[]> {
  return (await objects.list('merged/')).objects.map(({ name }) => name).sort();
}

export function namesOf(segments: readonly SegmentItem[]): string[] {
  return segments.map(({ object }) => objectName('merged', object)).sort();
}

/** Merges page by page, so that there are as many small segments as there can be. */
export async function mergePageByPage(process: Pick<Process, 'broker'>, ledger: LedgerId): Promise<void> {
  while ((await mergeOnce(process, ledger, { policy: { ...AT_ONCE, stepBytesMax: 1 } })).outcome === 'merged');
}

/** Names of the objects that are condemned. */
export async function condemnedObjects({ metadata }: Pick<Stores, 'metadata'>, ledger: LedgerId): Promise<string[]> {
  const query = { pk: ledgerKey(ledger), from: CONDEMNED_START, to: CONDEMNED_END, limit: 1_000 };
  const { items } = await metadata.query({ ...query, consistency: 'strong' });
  return items
    .flatMap(({ attributes }) => decodeCondemned(attributes))
    .map(({ tier, object }) => objectName(tier, object))
    .sort();
}

/** The process, killed by the `step`-th call of a store, before or after it is carried out. */
export function cutOff(process: Process, step: number, applied: boolean): Process {
  let calls = 0;
  const die = async <T>(proceed: () => Promise<T>): Promise<T> => {
    calls++;
    if (calls < step) return proceed();
    if (calls === step && applied) await proceed();
    throw new Error('cut off');
  };
  process.metadata.onGet = die;
  process.metadata.onWrite = die;
  process.objects.onPut = die;
  process.objects.onGetRange = die;
  process.objects.delete = () => Promise.reject(new Error('cut off'));
  return process;
}

/** Pages of one request to partition 0 and one to partition 1 each. */
export function pagesOf(count: number, valueBytes = 50): Action[] {
  return Array.from({ length: count }, (_, n): Action[] => [
    { action: 'append', joined: true, batches: [{ timestamps: [n, n + 1], valueBytes, compressionType: 'none' }] },
    { action: 'elsewhere' },
    { action: 'seal' },
  ]).flat();
}

/** From now on each request's records take so long to upload, if they are as large as what is sent on alone. */
export function writeSlowly({ objects, clock }: Process, msPerRequest: number): void {
  const upload = objects.upload.bind(objects);
  objects.upload = (name) => {
    const under = upload(name);
    const write = under.write.bind(under);
    under.write = async (chunks) => {
      if (chunks.some(({ length }) => length >= mergingLimits.segmentGatherBytes)) await clock.advance(msPerRequest);
      return write(chunks);
    };
    return under;
  };
}
