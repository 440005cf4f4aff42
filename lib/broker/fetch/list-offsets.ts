/** Offsets by time, and the ends of a partition. */
import { decodeBatch } from '../../log/record-batch/decode.ts';
import { batchHeaders, readBatchHeader } from '../../log/record-batch/header.ts';
import type { Broker } from '../broker.ts';
import { isLost, notFound } from '../read/lost.ts';
import { freshView, openPartition, withNewerView } from '../read/open-partition.ts';
import type { PartitionView } from '../read/partition-view.ts';
import { readPlaced } from '../read/read-placed.ts';
import { readOrder } from '../read/visible.ts';

export interface ListOffsetsRequest {
  topic: string;
  partition: number;
  /** `newest`: the record with the newest timestamp, the first of several. */
  at: { at: 'earliest' } | { at: 'latest' } | { at: 'newest' } | { at: 'timestamp'; timestampMs: number };
}

export interface ListOffsetsResult {
  /** `null`: no record has this timestamp or a later one; or, asked for the newest, any at all. */
  offset: number | null;
  /** The found record's timestamp; `null` for earliest and latest, as Kafka's −1. */
  timestamp: number | null;
  /** That of the record at the offset; the newest one where there is no record. */
  leaderEpoch: number;
}

export async function listOffsets(broker: Broker, request: ListOffsetsRequest): Promise<ListOffsetsResult> {
  const partition = await openPartition(broker, request.topic, request.partition);
  return withNewerView(broker, partition, await freshView(broker, partition), (view) => listIn(broker, view, request));
}

async function listIn(broker: Broker, view: PartitionView, request: ListOffsetsRequest): Promise<ListOffsetsResult> {
  const leaderEpoch = view.head.epoch;
  switch (request.at.at) {
    case 'earliest':
      return { offset: view.logStart, timestamp: null, leaderEpoch: await epochOfFirst(broker, view) };
    case 'latest':
      return { offset: view.highWatermark, timestamp: null, leaderEpoch };
    case 'newest':
      return (await newestRecord(broker, view)) ?? { offset: null, timestamp: null, leaderEpoch };
    case 'timestamp':
      return (await firstSince(broker, view, request.at)) ?? { offset: null, timestamp: null, leaderEpoch };
  }
}

async function epochOfFirst(broker: Broker, view: PartitionView): Promise<number> {
  const { head, logStart, highWatermark } = view;
  if (head.epoch === 0 || logStart === highWatermark) return head.epoch;
  for await (const placed of view.from(logStart)) {
    if (placed.among !== 'segments') return placed.run.leaderEpoch;
    const [chunk] = (await readPlaced(broker, placed, { use: 'pass-on' })) ?? [];
    if (chunk !== undefined && chunk.length > 0) return readBatchHeader(chunk).leaderEpoch;
  }
  return head.epoch;
}

interface FoundRecord {
  offset: number;
  timestamp: number;
  leaderEpoch: number;
}

/**
 * KIP-734. Timestamps mostly rise, so that the newest one is mostly among what was stored last; then it is seen without
 * reading more that nothing else is newer. Otherwise what is newer is visited one after the other.
 */
async function newestRecord(broker: Broker, view: PartitionView): Promise<FoundRecord | undefined> {
  const pick = 'newest';
  const near = { timestampMs: await view.newestNearEnd(), pick } as const;
  let newest = (await firstSince(broker, view, near)) ?? (await firstSince(broker, view, { timestampMs: 0, pick }));
  for (let newer = newest; newer !== undefined; newest = newer ?? newest) {
    newer = await firstSince(broker, view, { timestampMs: newer.timestamp + 1, pick });
  }
  return newest;
}

export interface RecordByTime {
  timestampMs: number;
  /** Of the run of batches with the first such record: that record, or the newest one, the first of several. */
  pick?: 'first' | 'newest';
  rack?: string;
}

/** The first record in offset order at or after the time; record timestamps need not be in order. */
export async function firstSince(
  broker: Broker,
  view: PartitionView,
  { timestampMs, pick = 'first', rack }: RecordByTime,
): Promise<FoundRecord | undefined> {
  const how = { order: readOrder(view.head, rack) };
  for await (const placed of view.since(timestampMs)) {
    const chunks = await readPlaced(broker, placed, how);
    if (chunks === undefined) {
      if (placed.among !== 'segments' && (await isLost(broker, view, placed.run))) continue;
      throw notFound();
    }
    let newest: FoundRecord | undefined;
    for (const found of recordsSince(broker, chunks, { timestampMs, logStart: view.logStart })) {
      if (pick === 'first') return found;
      if (newest === undefined || found.timestamp > newest.timestamp) newest = found;
    }
    if (newest !== undefined) return newest;
  }
  return undefined;
}

function* recordsSince(
  { compression }: Broker,
  chunks: readonly Uint8Array[],
  { timestampMs, logStart }: { timestampMs: number; logStart: number },
): Generator<FoundRecord> {
  for (const chunk of chunks) {
    for (const { position, maxTimestamp, leaderEpoch } of batchHeaders(chunk)) {
      if (maxTimestamp < timestampMs) continue;
      for (const { offset, timestamp } of decodeBatch(chunk, position, compression, { verifyChecksum: false })) {
        if (timestamp >= timestampMs && offset >= logStart) yield { offset, timestamp, leaderEpoch };
      }
    }
  }
}
