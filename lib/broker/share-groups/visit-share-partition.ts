/**
 * What a member's request does at one share partition, in one write: says what became of records that it had, gives
 * back what it holds, and acquires others. Records are read before they are acquired: what cannot be read is not
 * locked.
 */
import { type AcknowledgementBatch, acknowledge } from '../../coordination/share-groups/acknowledge.ts';
import {
  type AcquiredRecords,
  acquire,
  nextToRead,
  type ReadBatch,
  withoutGap,
} from '../../coordination/share-groups/acquire.ts';
import type { ShareGroupConfig } from '../../coordination/share-groups/group-config.ts';
import {
  endOffset,
  type SharePartition,
  withEndAt,
  withoutLocksOf,
  withoutOverdueLocks,
  withStartAt,
} from '../../coordination/share-groups/share-partition.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';
import { batchHeaders } from '../../log/record-batch/header.ts';
import type { Broker } from '../broker.ts';
import { fetchBatches } from '../fetch/fetch.ts';
import { isReady } from '../groups/read-fairly.ts';
import type { OpenPartition } from '../read/open-partition.ts';
import { changeSharePartition, type SharePartitionStep } from './change-share-partition.ts';
import { resetOffset } from './reset-offset.ts';
import type { SeenSharePartition } from './share-cache.ts';

export interface ShareVisit {
  group: string;
  memberId: string;
  place: OpenPartition;
  config: ShareGroupConfig;
  acknowledgements?: readonly AcknowledgementBatch[];
  /** Gives back all that it holds. */
  releases?: boolean;
  wants?: Wanted;
}

export interface Wanted {
  maxRecords: number;
  batchSize: number;
  strict: boolean;
  maxBytes: number;
  rack?: string;
}

export interface ShareVisited {
  /** Why its acknowledgements were not taken, none of them; absent: they were, or there were none. */
  refused?: MillraceError;
  /** Why nothing could be read. */
  fault?: MillraceError;
  acquired: readonly AcquiredRecords[];
  /** The record batches with what was acquired, and others between them. */
  batches: readonly Uint8Array[];
}

export function visitSharePartition(broker: Broker, visit: ShareVisit): Promise<ShareVisited> {
  const { group, place } = visit;
  const { topic, partition, ledger } = place;
  const id = { group, topicId: ledger.topicId, partition };
  return changeSharePartition(broker, { id, topic }, (seen) => decide(broker, visit, seen));
}

async function decide(
  broker: Broker,
  visit: ShareVisit,
  seen: SeenSharePartition,
): Promise<SharePartitionStep<ShareVisited>> {
  const nowMs = broker.clock.now();
  const { deliveriesMax } = visit.config.limits;
  const stands = unlocked(seen, { nowMs, deliveriesMax });
  const said = acknowledged(visit, stands, nowMs);
  if (said.refused !== undefined && !seen.fresh) return 'look-again';
  let next = said.next;
  if (visit.releases === true && next !== undefined) next = withoutLocksOf(next, visit.memberId, deliveriesMax);
  const refusal = said.refused !== undefined && { refused: said.refused };
  const { wants } = visit;
  if (wants === undefined) return { next, result: { ...NOTHING, ...refusal } };
  const got = await acquired(broker, { ...visit, wants }, next);
  return { next: got.next, result: { ...got.result, ...refusal } };
}

const NOTHING: ShareVisited = { acquired: [], batches: [] };

/** As things stand at this time; `undefined`: nobody of the group has been here. */
function unlocked(
  { stored }: SeenSharePartition,
  at: { nowMs: number; deliveriesMax: number },
): SharePartition | undefined {
  const rules = { ...at, lockMsMax: shareGroupLimits.shareLockMsMax };
  return stored && withoutOverdueLocks(stored.partition, rules);
}

function acknowledged(
  { memberId, acknowledgements, config }: ShareVisit,
  partition: SharePartition | undefined,
  nowMs: number,
): { next: SharePartition | undefined; refused?: MillraceError } {
  if (acknowledgements === undefined || acknowledgements.length === 0) return { next: partition };
  const renewedUntilMs = nowMs + config.lockMs;
  const done = acknowledge(partition ?? NEVER_READ, {
    memberId,
    batches: acknowledgements,
    renewedUntilMs,
    deliveriesMax: config.limits.deliveriesMax,
  });
  if (done.outcome === 'acknowledged') return { next: partition && done.next };
  const code = done.because === 'state' ? 'INVALID_RECORD_STATE' : 'INVALID_REQUEST';
  const refused = new MillraceError(code, `The acknowledgement is refused: ${done.detail}.`);
  return { next: partition, refused };
}

const NEVER_READ: SharePartition = { startOffset: 0, runs: [] };

type Acquisition = Omit<ShareVisit, 'wants'> & { wants: Wanted };

/** Where nobody has been, it begins where the group's config says, also where there is nothing to be had yet. */
async function acquired(
  broker: Broker,
  visit: Acquisition,
  known: SharePartition | undefined,
): Promise<{ next: SharePartition | undefined; result: ShareVisited }> {
  let next = known;
  try {
    next ??= { startOffset: await resetOffset(broker, visit.place, visit.config.reset), runs: [] };
    const found = await readOn(broker, visit, next);
    next = found.partition;
    if (found.from !== undefined && found.passedTo !== undefined) next = withoutGap(next, found.from, found.passedTo);
    if (found.batches.length === 0 || found.from === undefined) return { next, result: NOTHING };
    const untilMs = broker.clock.now() + visit.config.lockMs;
    const done = acquire(next, {
      lock: { memberId: visit.memberId, untilMs },
      readFrom: found.from,
      batches: found.batches.map(({ firstOffset, lastOffset }) => ({ firstOffset, lastOffset })),
      ...visit.wants,
      limits: visit.config.limits,
    });
    const batches = spanned(found.batches, done.acquired);
    return { next: done.next, result: { acquired: done.acquired, batches } };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { next, result: { ...NOTHING, fault: error } };
  }
}

interface StoredBatch extends ReadBatch {
  bytes: Uint8Array;
}

interface Read {
  batches: StoredBatch[];
  /** Up to where there are no records; absent: there may be. */
  passedTo?: number;
}

interface Found extends Read {
  partition: SharePartition;
  from: number | undefined;
}

/** What is to be had next. Where the log begins later than the group goes on, or ends before, the group follows it. */
async function readOn(broker: Broker, visit: Acquisition, partition: SharePartition): Promise<Found> {
  const from = nextToRead(partition, visit.config.limits);
  if (from === undefined || !mayHave(broker, visit, from)) return { partition, from, batches: [] };
  try {
    return { partition, from, ...(await readFrom(broker, visit, from)) };
  } catch (error) {
    const followed = outOfRange(error, partition);
    if (followed === undefined) throw error;
    const again = nextToRead(followed, visit.config.limits);
    if (again === undefined) return { partition: followed, from: again, batches: [] };
    return { partition: followed, from: again, ...(await readFrom(broker, visit, again)) };
  }
}

/** Not where the newest known head says that there is nothing: who waits for records watches the head. */
function mayHave({ heads }: Broker, { place: { ledger, slot } }: Acquisition, offset: number): boolean {
  const head = heads.peek(ledger);
  return head === undefined || isReady({ slot, offset }, head);
}

async function readFrom(broker: Broker, { place, wants }: Acquisition, offset: number): Promise<Read> {
  const { topic, partition } = place;
  const { batches, nextOffset } = await fetchBatches(broker, {
    topic,
    partition,
    position: { at: 'offset', offset },
    maxBytes: wants.maxBytes,
    minBytes: 1,
    waitMs: 0,
    ...(wants.rack !== undefined && { rack: wants.rack }),
  });
  if (batches.length === 0) return { batches: [], passedTo: nextOffset };
  const stored = batches.flatMap((chunk) =>
    [...batchHeaders(chunk)].map(({ position, sizeBytes, baseOffset, lastOffsetDelta }) => ({
      firstOffset: baseOffset,
      lastOffset: baseOffset + lastOffsetDelta,
      bytes: chunk.subarray(position, position + sizeBytes),
    })),
  );
  return { batches: stored };
}

function outOfRange(error: unknown, partition: SharePartition): SharePartition | undefined {
  if (!(error instanceof MillraceError) || error.code !== 'OFFSET_OUT_OF_RANGE') return undefined;
  const { logStartOffset = 0, highWatermark = endOffset(partition) } = error.facts;
  const followed = withEndAt(withStartAt(partition, logStartOffset), highWatermark);
  return followed === partition ? undefined : followed;
}

/** From the first acquired record to the last. */
function spanned(batches: readonly StoredBatch[], acquired: readonly AcquiredRecords[]): Uint8Array[] {
  const [first, last] = [acquired[0]?.firstOffset ?? Infinity, acquired.at(-1)?.lastOffset ?? -1];
  return batches.filter((batch) => batch.lastOffset >= first && batch.firstOffset <= last).map(({ bytes }) => bytes);
}
