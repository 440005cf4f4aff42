/** Reading a stretch of a partition: from runs and extents of segments to whole batches, bounded by bytes. */
import { MillraceError } from '../../kernel/errors.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { batchHeaders } from '../../log/record-batch/header.ts';
import type { Broker } from '../broker.ts';
import type { Loan } from './loan.ts';
import { isLost, notFound } from './lost.ts';
import { baseOf, bytesOf, endOf, type PartitionView, type Placed } from './partition-view.ts';
import { readPlaced } from './read-placed.ts';
import type { BatchUse } from './run-cache.ts';
import { readOrder } from './visible.ts';

export interface Stretch {
  /** Chunks of whole batches with offsets in place; the first batch holds the wanted offset. Not to be changed. */
  batches: Uint8Array[];
  /** One past the last record, or past what was lost or compacted away after it. */
  nextOffset: number;
}

export interface StretchRequest {
  maxBytes: number;
  /** Takes nothing that is not known to fit `maxBytes` before it is read, and so maybe nothing at all. */
  strict?: boolean;
  /** For both see RunCache. */
  use?: BatchUse;
  rack?: string;
  /** Absent: the batches may be looked at for ever. */
  loan?: Loan | undefined;
}

/**
 * Whole batches from the one with `offset` on: at least one, then as many as fit `maxBytes`. What is lost, or was
 * compacted away, is passed over, and may be all that there was to read at once. What cannot be read now ends the
 * stretch, and is a fault only where nothing lies before it.
 */
export async function readBatches(
  broker: Broker,
  view: PartitionView,
  offset: number,
  { maxBytes, strict = false, use, rack, loan }: StretchRequest,
): Promise<Stretch> {
  const near = await take(view.from(offset), offset, maxBytes);
  const taken = strict ? fitting(near, maxBytes) : near;
  if (strict && taken.length === 0) return { batches: [], nextOffset: offset };
  const how = { use, order: readOrder(view.head, rack), beside: besideOf(broker, view, taken), loan };
  const { found, fault } = await untilFault(taken.map((placed) => readPlaced(broker, placed, how)));
  const stretch: Stretch = { batches: [], nextOffset: offset };
  let budget = maxBytes;
  for (const [index, chunks] of found.entries()) {
    const placed = taken[index] as Placed;
    if (chunks === undefined) {
      if (placed.among === 'segments' || !(await isLost(broker, view, placed.run))) break;
      stretch.nextOffset = Math.max(stretch.nextOffset, endOf(placed));
      continue;
    }
    for (const chunk of chunks) {
      const { piece, whole } = cut(chunk, stretch, budget);
      if (piece.length > 0) stretch.batches.push(piece);
      budget -= piece.length;
      if (!whole) return stretch;
    }
    stretch.nextOffset = Math.max(stretch.nextOffset, endOf(placed));
  }
  if (stretch.nextOffset === offset) throw fault ?? notFound();
  return stretch;
}

/** Who reads the history of other partitions beside this one, which it is said to be read of. */
function besideOf({ sideBySide }: Broker, { ledger, slot }: PartitionView, taken: readonly Placed[]) {
  const births = taken.flatMap((placed) => (placed.among === 'history' ? placed.run.commit.object.birthMs : []));
  const [fromMs, toMs] = [births[0], births.at(-1)];
  return fromMs === undefined || toMs === undefined ? [] : sideBySide.read(ledger, slot, { fromMs, toMs });
}

type Read = readonly Uint8Array[] | undefined;

/** What comes before the first that failed, and its fault. */
async function untilFault(reads: readonly Promise<Read>[]): Promise<{ found: readonly Read[]; fault?: MillraceError }> {
  try {
    return { found: await Promise.all(reads) };
  } catch {
    const found: Read[] = [];
    for (const outcome of await Promise.allSettled(reads)) {
      if (outcome.status === 'fulfilled') found.push(outcome.value);
      else if (outcome.reason instanceof MillraceError) return { found, fault: outcome.reason };
      else throw outcome.reason;
    }
    return { found };
  }
}

function fitting(placed: readonly Placed[], maxBytes: number): Placed[] {
  let bytes = 0;
  const end = placed.findIndex((one) => {
    bytes += bytesOf(one);
    return bytes > maxBytes;
  });
  return placed.slice(0, end === -1 ? placed.length : end);
}

/** Until their bytes are enough. What begins before the offset counts for a byte: the offset may be its last. */
async function take(all: AsyncIterable<Placed>, offset: number, maxBytes: number): Promise<Placed[]> {
  const taken: Placed[] = [];
  let bytes = 0;
  for await (const placed of all) {
    taken.push(placed);
    bytes += baseOf(placed) < offset ? 1 : bytesOf(placed);
    if (bytes >= maxBytes || taken.length >= storageLimits.runsPerReadMax) break;
  }
  return taken;
}

/**
 * The part of the chunk from the wanted batch on that fits the budget, and whether that is all of the chunk from there
 * on; counts `stretch.nextOffset` up.
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
