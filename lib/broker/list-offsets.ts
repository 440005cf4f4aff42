/** Offsets by time, and the ends of a partition. */
import { decodeBatch } from '../log/record-batch/decode.ts';
import { batchHeaders, readBatchHeader } from '../log/record-batch/header.ts';
import type { Broker } from './broker.ts';
import { isLost, notFound } from './read/lost.ts';
import { freshView, openPartition, withNewerView } from './read/open-partition.ts';
import type { PartitionView } from './read/partition-view.ts';
import { readPlaced } from './read/read-placed.ts';
import { readOrder } from './read/visible.ts';

export interface ListOffsetsRequest {
  topic: string;
  partition: number;
  at: { at: 'earliest' } | { at: 'latest' } | { at: 'timestamp'; timestampMs: number };
}

export interface ListOffsetsResult {
  /** `null`: no record has this timestamp or a later one. */
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
    case 'timestamp': {
      const found = await firstSince(broker, view, request.at);
      return found ?? { offset: null, timestamp: null, leaderEpoch };
    }
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

/** The first record in offset order at or after the time; record timestamps need not be in order. */
export async function firstSince(
  broker: Broker,
  view: PartitionView,
  { timestampMs, rack }: { timestampMs: number; rack?: string },
): Promise<{ offset: number; timestamp: number; leaderEpoch: number } | undefined> {
  const how = { order: readOrder(view.head, rack) };
  for await (const placed of view.since(timestampMs)) {
    const chunks = await readPlaced(broker, placed, how);
    if (chunks === undefined) {
      if (placed.among !== 'segments' && (await isLost(broker, view, placed.run))) continue;
      throw notFound();
    }
    for (const chunk of chunks) {
      for (const header of batchHeaders(chunk)) {
        if (header.maxTimestamp < timestampMs) continue;
        const records = decodeBatch(chunk, header.position, broker.compression, { verifyChecksum: false });
        const found = records.find(({ offset, timestamp }) => timestamp >= timestampMs && offset >= view.logStart);
        if (found !== undefined) {
          return { offset: found.offset, timestamp: found.timestamp, leaderEpoch: header.leaderEpoch };
        }
      }
    }
  }
  return undefined;
}
