/**
 * Planning a fetch: where the bytes of a stretch are, for a client that reads them itself. Bytes in the bucket are
 * named by a presigned URL of exactly the partition's range, since objects mix topics; inline bytes come along. Of
 * merged segments the ranges are the extents that this process reads as well (segment-reader.ts), so that caches see
 * the same ones.
 *
 * The URL is of a replica in sync, which has the bytes without being asked. Only what an unclean election may have lost
 * is looked for: then the bytes come along as well, wherever they are found, and what is found nowhere is passed over.
 */
import { concatBytes } from '../../kernel/bytes.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { ObjectStore } from '../../storage/objects/port.ts';
import type { Broker } from '../broker.ts';
import { inSyncReplicas } from '../ledger/replicated.ts';
import { isLost, mayBeLost, notFound } from '../read/lost.ts';
import { freshView, openPartition, withNewerView } from '../read/open-partition.ts';
import { bytesOf, endOf, outOfRange, type PartitionView, type Placed } from '../read/partition-view.ts';
import { checksumOf, type Extent } from '../read/segment-reader.ts';
import { readOrder } from '../read/visible.ts';

export interface PlanFetchRequest {
  topic: string;
  partition: number;
  /** As for a fetch. */
  offset: number;
  maxBytes: number;
  /** As for a fetch. */
  rack?: string;
}

export type PlannedSegment =
  /**
   * A range of one stored object; `headers` are signed with the URL. Batches in it follow each other from `baseOffset`
   * on, whatever offsets they carry; with `absolute` these are theirs: there may be gaps, the first may begin before
   * `baseOffset`, and the last end after `lastOffset`.
   */
  | {
      source: 'url';
      url: string;
      headers: Record<string, string>;
      baseOffset: number;
      lastOffset: number;
      bytes: number;
      crc32c: number;
      offsets?: 'absolute';
    }
  /** The bytes themselves, offsets in place. */
  | { source: 'bytes'; batches: Uint8Array; baseOffset: number; lastOffset: number };

export interface PlanFetchResult {
  segments: PlannedSegment[];
  /** May be further on where there are no segments, as for a fetch. */
  nextOffset: number;
  /** When the first URL stops working; `null` where there is none. */
  expiresAtMs: number | null;
}

interface Planned {
  segment: PlannedSegment;
  expiresAtMs?: number;
}

/** The runs from the one with `offset` on: at least one, then as many as fit `maxBytes`. */
export async function planFetch(broker: Broker, request: PlanFetchRequest): Promise<PlanFetchResult> {
  const partition = await openPartition(broker, request.topic, request.partition);
  return withNewerView(broker, partition, await freshView(broker, partition), (view) => planIn(broker, view, request));
}

async function planIn(broker: Broker, view: PartitionView, request: PlanFetchRequest): Promise<PlanFetchResult> {
  const { offset, maxBytes, rack } = request;
  if (offset < view.logStart || offset > (view.head.next[view.slot] as number)) throw outOfRange(offset, view);
  const objects = broker.objects.reading({ first: inSyncReplicas(view.head), rack });
  const planned: Planned[] = [];
  let nextOffset = offset;
  let bytes = 0;
  let looked = 0;
  if (offset < view.highWatermark) {
    for await (const placed of view.from(offset)) {
      if (looked > 0 && (bytes + bytesOf(placed) > maxBytes || looked >= storageLimits.plannedSegmentsMax)) break;
      const one = await plan(broker, { view, rack, objects }, placed);
      if (one !== undefined) planned.push(one);
      nextOffset = endOf(placed);
      bytes += bytesOf(placed);
      looked++;
    }
  }
  const expiries = planned.flatMap(({ expiresAtMs }) => (expiresAtMs === undefined ? [] : [expiresAtMs]));
  return {
    segments: planned.map(({ segment }) => segment),
    nextOffset,
    expiresAtMs: expiries.length === 0 ? null : Math.min(...expiries),
  };
}

interface Sources {
  view: PartitionView;
  rack: string | undefined;
  /** As the view's readers ask them. */
  objects: Pick<ObjectStore, 'presign'>;
}

/** `undefined` where the run is lost. */
async function plan(broker: Broker, { view, rack, objects }: Sources, placed: Placed): Promise<Planned | undefined> {
  if (placed.among === 'segments') return planExtent(objects, placed.extent);
  const { run, among } = placed;
  const { baseOffset, bytes, crc32c } = run;
  const lastOffset = run.endOffset - 1;
  if (
    run.commit.tier === 'inline' ||
    (view.head.replication !== undefined && (await mayBeLost(broker, view.ledger, view.head, run)))
  ) {
    const chunks = await broker.runs.read(run, among, { order: readOrder(view.head, rack) });
    if (chunks !== undefined)
      return { segment: { source: 'bytes', batches: concatBytes(chunks), baseOffset, lastOffset } };
    if (await isLost(broker, view, run)) return undefined;
    throw notFound();
  }
  const range = { start: run.position, end: run.position + bytes };
  const name = objectName(run.commit.tier, run.commit.object);
  const { url, headers, expiresAtMs } = await objects.presign(name, range, storageLimits.presignedUrlMs);
  return { segment: { source: 'url', url, headers, baseOffset, lastOffset, bytes, crc32c }, expiresAtMs };
}

/** `undefined` where nothing is left of its records. */
async function planExtent(objects: Pick<ObjectStore, 'presign'>, extent: Extent): Promise<Planned | undefined> {
  const { name, position, bytes, baseOffset, endOffset } = extent;
  if (bytes === 0) return undefined;
  const range = { start: position, end: position + bytes };
  const { url, headers, expiresAtMs } = await objects.presign(name, range, storageLimits.presignedUrlMs);
  const crc32c = checksumOf(extent);
  const lastOffset = endOffset - 1;
  return {
    segment: { source: 'url', url, headers, baseOffset, lastOffset, bytes, crc32c, offsets: 'absolute' },
    expiresAtMs,
  };
}
