/** Reading a stretch of a partition: from runs to whole batches, bounded by bytes. */
import { MillraceError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { batchHeaders } from '../../log/record-batch/header.ts';
import type { Broker } from '../broker.ts';
import type { PartitionView, PlacedRun } from './partition-view.ts';
import type { BatchUse } from './run-cache.ts';

export interface Stretch {
  /** Chunks of whole batches with offsets in place; the first batch holds the wanted offset. Not to be changed. */
  batches: Uint8Array[];
  /** One past the last record. */
  nextOffset: number;
}

/** Whole batches from the one with `offset` on: at least one, then as many as fit `maxBytes`. For `use` see RunCache. */
export async function readBatches(
  broker: Broker,
  view: PartitionView,
  offset: number,
  maxBytes: number,
  use: BatchUse = 'decode',
): Promise<Stretch> {
  const runs = await take(view.runsFrom(offset), offset, maxBytes);
  const reads = await Promise.all(runs.map(({ run, among }) => broker.runs.read(run, among, use)));
  const stretch: Stretch = { batches: [], nextOffset: offset };
  let budget = maxBytes;
  for (const chunks of reads) {
    for (const chunk of chunks) {
      const { piece, whole } = cut(chunk, stretch, budget);
      if (piece.length > 0) stretch.batches.push(piece);
      budget -= piece.length;
      if (!whole) return stretch;
    }
  }
  if (stretch.batches.length === 0) {
    throw new MillraceError('KAFKA_STORAGE_ERROR', `Offset ${offset} is in the log and was not found; try again.`);
  }
  return stretch;
}

/** Runs until their bytes are enough. One that begins before the offset counts for a byte: the offset may be its last. */
async function take(runs: AsyncIterable<PlacedRun>, offset: number, maxBytes: number): Promise<PlacedRun[]> {
  const taken: PlacedRun[] = [];
  let bytes = 0;
  for await (const placed of runs) {
    taken.push(placed);
    bytes += placed.run.baseOffset < offset ? 1 : placed.run.bytes;
    if (bytes >= maxBytes || taken.length >= limits.runsPerReadMax) break;
  }
  return taken;
}

/**
 * The part of the chunk from the wanted batch on that fits the budget, and whether that is all of the chunk from there on;
 * counts `stretch.nextOffset` up.
 */
function cut(chunk: Uint8Array, stretch: Stretch, budget: number): { piece: Uint8Array; whole: boolean } {
  let start: number | undefined;
  let end = 0;
  for (const header of batchHeaders(chunk)) {
    const next = header.baseOffset + header.lastOffsetDelta + 1;
    if (next <= stretch.nextOffset) continue;
    const fits = header.position + header.sizeBytes - (start ?? header.position) <= budget;
    if (!fits && (start !== undefined || stretch.batches.length > 0)) {
      return { piece: chunk.subarray(start ?? 0, end), whole: false };
    }
    start ??= header.position;
    end = header.position + header.sizeBytes;
    stretch.nextOffset = next;
  }
  return { piece: chunk.subarray(start ?? 0, end), whole: true };
}
