/** Offsets by time, and the ends of a partition. */
import { decodeBatch } from '../log/record-batch/decode.ts';
import { batchHeaders } from '../log/record-batch/header.ts';
import type { Broker } from './broker.ts';
import { freshView, openPartition } from './read/open-partition.ts';
import type { PartitionView } from './read/partition-view.ts';

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
  leaderEpoch: number;
}

export async function listOffsets(broker: Broker, request: ListOffsetsRequest): Promise<ListOffsetsResult> {
  const view = await freshView(broker, await openPartition(broker, request.topic, request.partition));
  const leaderEpoch = view.head.epoch;
  switch (request.at.at) {
    case 'earliest':
      return { offset: view.logStart, timestamp: null, leaderEpoch };
    case 'latest':
      return { offset: view.highWatermark, timestamp: null, leaderEpoch };
    case 'timestamp': {
      const found = await firstSince(broker, view, request.at.timestampMs);
      return { offset: found?.offset ?? null, timestamp: found?.timestamp ?? null, leaderEpoch };
    }
  }
}

/** The first record in offset order at or after the time; record timestamps need not be in order. */
export async function firstSince(
  broker: Broker,
  view: PartitionView,
  timestampMs: number,
): Promise<{ offset: number; timestamp: number } | undefined> {
  for await (const { run, among } of view.runsSince(timestampMs)) {
    for (const chunk of await broker.runs.read(run, among)) {
      for (const header of batchHeaders(chunk)) {
        if (header.maxTimestamp < timestampMs) continue;
        const records = decodeBatch(chunk, header.position, broker.compression, { verifyChecksum: false });
        const found = records.find(({ offset, timestamp }) => timestamp >= timestampMs && offset >= view.logStart);
        if (found !== undefined) return { offset: found.offset, timestamp: found.timestamp };
      }
    }
  }
  return undefined;
}
