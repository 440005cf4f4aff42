/**
 * Planning a fetch: where the bytes of a stretch are, for a client that reads them itself. Bytes in the bucket are named
 * by a presigned URL of exactly the partition's range, since objects mix topics; inline bytes come along.
 */
import { concatBytes } from '../kernel/bytes.ts';
import { limits } from '../kernel/limits.ts';
import { objectName } from '../log/segment/object-name.ts';
import type { Broker } from './broker.ts';
import { freshView, openPartition } from './read/open-partition.ts';
import { outOfRange, type PlacedRun } from './read/partition-view.ts';

export interface PlanFetchRequest {
  topic: string;
  partition: number;
  /** As for a fetch. */
  offset: number;
  maxBytes: number;
}

export type PlannedSegment =
  /** A range of one stored object; `headers` are signed with the URL. Batches in it carry relative offsets from `baseOffset`. */
  | {
      source: 'url';
      url: string;
      headers: Record<string, string>;
      baseOffset: number;
      lastOffset: number;
      bytes: number;
      crc32c: number;
    }
  /** The bytes themselves, offsets in place. */
  | { source: 'bytes'; batches: Uint8Array; baseOffset: number; lastOffset: number };

export interface PlanFetchResult {
  segments: PlannedSegment[];
  nextOffset: number;
  /** When the first URL stops working; `null` where there is none. */
  expiresAtMs: number | null;
}

/** The runs from the one with `offset` on: at least one, then as many as fit `maxBytes`. */
export async function planFetch(broker: Broker, request: PlanFetchRequest): Promise<PlanFetchResult> {
  const { offset, maxBytes } = request;
  const view = await freshView(broker, await openPartition(broker, request.topic, request.partition));
  if (offset < view.logStart || offset > view.highWatermark) throw outOfRange(offset, view);
  const planned: { segment: PlannedSegment; expiresAtMs?: number }[] = [];
  let bytes = 0;
  if (offset < view.highWatermark) {
    for await (const placed of view.runsFrom(offset)) {
      if (planned.length > 0 && (bytes + placed.run.bytes > maxBytes || planned.length >= limits.plannedSegmentsMax))
        break;
      planned.push(await plan(broker, placed));
      bytes += placed.run.bytes;
    }
  }
  const expiries = planned.flatMap(({ expiresAtMs }) => (expiresAtMs === undefined ? [] : [expiresAtMs]));
  return {
    segments: planned.map(({ segment }) => segment),
    nextOffset: (planned.at(-1)?.segment.lastOffset ?? offset - 1) + 1,
    expiresAtMs: expiries.length === 0 ? null : Math.min(...expiries),
  };
}

async function plan(broker: Broker, placed: PlacedRun): Promise<{ segment: PlannedSegment; expiresAtMs?: number }> {
  const { run, among } = placed;
  const { baseOffset, bytes, crc32c } = run;
  const lastOffset = run.endOffset - 1;
  if (run.commit.tier === 'inline') {
    const batches = concatBytes(await broker.runs.read(run, among));
    return { segment: { source: 'bytes', batches, baseOffset, lastOffset } };
  }
  const range = { start: run.position, end: run.position + bytes };
  const name = objectName(run.commit.tier, run.commit.object);
  const { url, headers, expiresAtMs } = await broker.objects.presign(name, range, limits.presignedUrlMs);
  return { segment: { source: 'url', url, headers, baseOffset, lastOffset, bytes, crc32c }, expiresAtMs };
}
