/** Which of the records that were read a member gets, and has locked from then on. */
import {
  ARCHIVED,
  canonical,
  countInFlight,
  cutAt,
  endOffset,
  type Lock,
  placed,
  type Run,
  type SharePartition,
} from './share-partition.ts';

/** A record batch of the log, by its offsets. */
export interface ReadBatch {
  firstOffset: number;
  /** Included. */
  lastOffset: number;
}

export interface Acquiring {
  lock: Lock;
  /** What was read from the partition at `readFrom`, in order; the first one may begin before it. */
  readFrom: number;
  batches: readonly ReadBatch[];
  maxRecords: number;
  /** Into how large parts the answer divides what is new; record batches are not torn for it. */
  batchSize: number;
  /** Exactly as many records as asked for; otherwise up to the end of a record batch (KIP-1206). */
  strict: boolean;
  limits: AcquireLimits;
}

/**
 * Of the group (its configs). They may change while records are in flight: one that was delivered more often gets one
 * last delivery.
 */
export interface AcquireLimits {
  deliveriesMax: number;
  /** Records of a share partition that are neither done with nor untouched. */
  inFlightMax: number;
}

export interface AcquiredRecords {
  firstOffset: number;
  /** Included. */
  lastOffset: number;
  deliveries: number;
}

/**
 * From where to read for whoever wants records; `undefined`: there are as many in flight as there can be, and none is
 * available.
 */
export function nextToRead(partition: SharePartition, { inFlightMax }: AcquireLimits): number | undefined {
  const available = partition.runs.find(({ state }) => state === 'available');
  if (available !== undefined) return available.first;
  return countInFlight(partition) < inFlightMax ? endOffset(partition) : undefined;
}

/** Of a partition whose overdue locks are released. Nothing is acquired where nothing that was read is available. */
export function acquire(
  partition: SharePartition,
  acquiring: Acquiring,
): { next: SharePartition; acquired: AcquiredRecords[] } {
  const { batches, readFrom } = acquiring;
  const [first, last] = [batches[0], batches.at(-1)];
  if (first === undefined || last === undefined || acquiring.maxRecords <= 0) return { next: partition, acquired: [] };
  const held = withoutGap(partition, readFrom, first.firstOffset);
  const again = takeAvailable(held, acquiring, { first: first.firstOffset, end: last.lastOffset + 1 });
  const inFlight = countInFlight({ startOffset: held.startOffset, runs: again.runs });
  const room = Math.min(again.room, acquiring.limits.inFlightMax - inFlight);
  const end = endOffset(held);
  const fresh = takeFresh(acquiring, { end, room, last: last.lastOffset });
  const next = canonical(held.startOffset, [...again.runs, ...fresh.runs]);
  return { next, acquired: [...again.acquired, ...fresh.acquired] };
}

/** What was asked for and is not there any more was removed by compaction, or lost: nobody gets it. */
export function withoutGap(partition: SharePartition, readFrom: number, firstThere: number): SharePartition {
  if (firstThere <= readFrom) return partition;
  const end = endOffset(partition);
  const runs = cutAt(partition, readFrom, firstThere).map((run) => {
    const isGone = run.state === 'available' && run.first >= readFrom && run.end <= firstThere;
    return isGone ? placed(ARCHIVED, run) : run;
  });
  if (firstThere > end) runs.push(placed(ARCHIVED, { first: end, end: firstThere }));
  return canonical(partition.startOffset, runs);
}

interface Taken {
  runs: Run[];
  acquired: AcquiredRecords[];
  /** How many more the member may get. */
  room: number;
}

/**
 * What was given back, in the order of its offsets. Records that were delivered often are given in ever smaller parts,
 * and those that could be given for the last time alone: so one that no member survives takes few others with it
 * (`isolated`).
 */
function takeAvailable(partition: SharePartition, acquiring: Acquiring, read: { first: number; end: number }): Taken {
  const { lock, maxRecords, limits } = acquiring;
  const taken: Taken = { runs: [], acquired: [], room: maxRecords };
  for (const run of cutAt(partition, read.first, read.end)) {
    const isWanted = run.state === 'available' && run.first >= read.first && run.end <= read.end;
    const alone = isolated(run, limits.deliveriesMax);
    if (!isWanted || taken.room <= 0 || (alone !== undefined && taken.acquired.length > 0)) {
      taken.runs.push(run);
      continue;
    }
    const length = run.end - run.first;
    const wanted = Math.min(alone ?? length, length, taken.room);
    const end = alone === undefined ? wholeBatches(acquiring, run, run.first + wanted) : run.first + wanted;
    const deliveries = run.deliveries + 1;
    taken.runs.push({ first: run.first, end, state: 'acquired', deliveries, lock });
    if (end < run.end) taken.runs.push({ ...run, first: end });
    note(taken.acquired, { firstOffset: run.first, lastOffset: end - 1, deliveries });
    taken.room = alone === undefined ? taken.room - (end - run.first) : 0;
  }
  return taken;
}

/** How many of the run's records may be given together; `undefined`: as many as there are, and others with them. */
function isolated({ first, end, deliveries }: Run, deliveriesMax: number): number | undefined {
  const from = Math.max(2, Math.ceil(deliveriesMax / 2));
  if (deliveriesMax <= 2 || deliveries < from) return undefined;
  if (deliveries >= deliveriesMax - 1) return 1;
  return Math.max(1, Math.floor((end - first) / 2 ** (deliveries - from + 1)));
}

/** Where to end instead, so that no record batch is torn. */
function wholeBatches({ strict, batches }: Acquiring, run: Run, end: number): number {
  if (strict || end >= run.end) return Math.min(end, run.end);
  const last = batches.find(({ lastOffset }) => lastOffset >= end - 1);
  return Math.min(run.end, last === undefined ? end : last.lastOffset + 1);
}

/** What was given to nobody yet, behind all that was. */
function takeFresh(
  acquiring: Acquiring,
  { end, room, last }: { end: number; room: number; last: number },
): Pick<Taken, 'runs' | 'acquired'> {
  const { lock, batches } = acquiring;
  if (room <= 0 || last < end) return { runs: [], acquired: [] };
  const wholeRun: Run = { first: end, end: last + 1, state: 'available', deliveries: 0 };
  const until = wholeBatches(acquiring, wholeRun, Math.min(last + 1, end + room));
  const run: Run = { first: end, end: until, state: 'acquired', deliveries: 1, lock };
  return { runs: [run], acquired: dividedAt(batches, run, acquiring) };
}

/** In parts of about `batchSize` that begin with a record batch. */
function dividedAt(
  batches: readonly ReadBatch[],
  { first, end }: Run,
  { batchSize, strict }: Acquiring,
): AcquiredRecords[] {
  const parts: AcquiredRecords[] = [];
  let from = first;
  for (const { firstOffset } of strict ? [] : batches) {
    if (firstOffset >= end) break;
    if (firstOffset - from < Math.max(1, batchSize)) continue;
    parts.push({ firstOffset: from, lastOffset: firstOffset - 1, deliveries: 1 });
    from = firstOffset;
  }
  parts.push({ firstOffset: from, lastOffset: end - 1, deliveries: 1 });
  return parts;
}

/** Adds to the last of them where it goes on in the same way. */
function note(acquired: AcquiredRecords[], records: AcquiredRecords): void {
  const before = acquired.at(-1);
  if (before?.lastOffset === records.firstOffset - 1 && before.deliveries === records.deliveries) {
    before.lastOffset = records.lastOffset;
  } else {
    acquired.push(records);
  }
}
