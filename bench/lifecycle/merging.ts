/** What merging an ingest's bytes takes, of pages and of the small segments that come of them. */

import type { Broker } from '../../lib/broker/broker.ts';
import { clearLedgers } from '../../lib/broker/lifecycle/clear-ledgers.ts';
import { type MergingReport, mergeLedgers } from '../../lib/broker/lifecycle/merge-ledgers.ts';
import { mergePages } from '../../lib/broker/lifecycle/merge-pages.ts';
import { mergeSegments } from '../../lib/broker/lifecycle/merge-segments.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { mergingLimits } from '../../lib/kernel/limits/merging.ts';
import type { MergePolicy } from '../../lib/log/merged/due.ts';
import { ledgersOf } from '../../lib/log/topic/topic-writes.ts';
import { itemBytes } from '../../lib/storage/metadata/item-size.ts';
import { plus, type Use } from '../counted/triggers-use.ts';
import { type Ingest, type Ingested, ingest, TOPIC } from './ingest.ts';
import { LifecycleWorld } from './world.ts';

export interface Merged {
  ingest: Ingest;
  ingested: Ingested;
  /** Objects that the ingest left in the bucket. */
  objects: number;
  pages: Use;
  /** Of batches in segments. */
  bytes: number;
  segments: number;
  /** Retiring pages and deleting what they named. */
  clearing: Use;
  /** Rounds that it took. */
  clearings: number;
  left: ItemsLeft;
}

/** Rounds of the maintenance, an hour apart, after which everything that can go has gone. */
const CLEARINGS_MAX = 64;

/** Ingests, and merges all of it as the rounds of the maintenance do where so much waits. */
export async function merging(directory: string, shape: Ingest): Promise<Merged> {
  const world = new LifecycleWorld(directory);
  try {
    const writer = world.startProcess();
    await world.run(createTopic(writer, { name: TOPIC, partitions: shape.partitions }));
    const ingested = await ingest(world, shape);
    const objects = ingested.use.counts.puts;
    await world.run(world.pause(mergingLimits.mergeAgeMsMin));
    const merger = world.startProcess({ hasDisk: true });
    let merged: MergingReport | undefined;
    const pages = await world.use(merger, async () => {
      merged = await mergeLedgers(merger);
    });
    const { bytes, segments, failed, refused, remerged } = merged as MergingReport;
    if (bytes < shape.bytes || failed + refused + remerged > 0) throw new Error('not all was merged, and once');
    // Marks are rounded up by less than a grace.
    await world.run(world.pause(2 * mergingLimits.lifecycleGraceMs));
    const cleared = await clearAll(world, merger);
    const left = await itemsLeft(world);
    return { ingest: shape, ingested, objects, pages, bytes, segments, ...cleared, left };
  } finally {
    await world.close();
  }
}

async function clearAll(world: LifecycleWorld, broker: Broker): Promise<{ clearing: Use; clearings: number }> {
  let clearing: Use | undefined;
  for (let clearings = 1; clearings <= CLEARINGS_MAX; clearings++) {
    let left = 0;
    const one = await world.use(broker, async () => {
      const { pages, objects } = await clearLedgers(broker);
      left = pages + objects;
    });
    clearing = clearing === undefined ? one : plus(clearing, one);
    if (left === 0) return { clearing, clearings: clearings - 1 };
    await world.run(world.pause(mergingLimits.lifecycleGraceMs + 1));
  }
  throw new Error('there is always more to delete');
}

export async function mergeAll(
  world: LifecycleWorld,
  broker: Broker,
  policy: MergePolicy,
): Promise<{ use: Use; bytes: number; segments: number }> {
  const topic = await world.run(broker.topics.get(TOPIC));
  let [bytes, segments] = [0, 0];
  let use: Use | undefined;
  for (const ledger of ledgersOf(topic)) {
    for (;;) {
      const step = { merged: false };
      const one = await world.use(broker, async () => {
        const merged = await mergePages(broker, { topic, ledger, policy });
        step.merged = merged.outcome === 'merged';
        bytes += merged.bytes;
        segments += merged.segments;
      });
      use = use === undefined ? one : plus(use, one);
      if (!step.merged) break;
    }
  }
  if (bytes === 0) throw new Error('nothing was merged');
  return { use: use as Use, bytes, segments };
}

export interface ItemsLeft {
  /** Bytes of segments' items, and how many there are. */
  segments: number;
  segmentCount: number;
  /** Of what a ledger has however much it holds: head, lifecycle, and the pages that are kept. */
  ledgers: number;
}

export async function itemsLeft({ table }: LifecycleWorld): Promise<ItemsLeft> {
  const left = { segments: 0, segmentCount: 0, ledgers: 0 };
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const { keys, next } = await table.scanKeys(cursor);
    for (const key of keys) {
      const attributes = await table.get(key, 'strong');
      if (attributes === undefined) continue;
      const bytes = itemBytes(key, attributes);
      if (key.pk.startsWith('ledger#')) left.ledgers += bytes;
      if (!key.pk.startsWith('partition#')) continue;
      left.segments += bytes;
      left.segmentCount++;
    }
    cursor = next;
  }
  return left;
}

export interface Remerged {
  use: Use;
  bytes: number;
  segments: number;
}

/** Eight segments of 31 MiB into one. */
export async function remerging(directory: string, shape: Ingest): Promise<Remerged> {
  const world = new LifecycleWorld(directory);
  try {
    const broker = world.startProcess({ hasDisk: true });
    await world.run(createTopic(broker, { name: TOPIC, partitions: 1 }));
    await ingest(world, { ...shape, partitions: 1 });
    await world.run(world.pause(mergingLimits.mergeAgeMsMin));
    const stepBytesMax = Math.floor(mergingLimits.mergedSegmentBytesMax / mergingLimits.segmentMergeFanIn);
    const { segments } = await mergeAll(world, broker, { bytesMin: 0, pagesMin: 1, ageMsMin: 0, stepBytesMax });
    const topic = await world.run(broker.topics.get(TOPIC));
    const place = { topic, ledger: { topicId: topic.topicId, index: 0 }, partition: 0 };
    let bytes = 0;
    const use = await world.use(broker, async () => {
      const merged = await mergeSegments(broker, place);
      if (merged.outcome !== 'merged') throw new Error(`merging segments came to ${merged.outcome}`);
      bytes = merged.bytes;
    });
    return { use, bytes, segments };
  } finally {
    await world.close();
  }
}
