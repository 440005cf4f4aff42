/**
 * Fetch over many partitions with one wait, as Kafka's clients do it: whole batches, and for each partition an answer
 * or an error.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Turns } from '../../kernel/turns.ts';
import type { Broker } from '../broker.ts';
import { isReady } from '../groups/read-fairly.ts';
import { awaitBytes } from '../instances/await-bytes.ts';
import { highWatermark } from '../ledger/replicated.ts';
import type { Loan } from '../read/loan.ts';
import { type OpenPartition, openPartition } from '../read/open-partition.ts';
import { checkLeaderEpoch, type EpochVerdict } from './check-leader-epoch.ts';
import { bytesFrom, type FetchBatchesResult, fetchBatches } from './fetch.ts';

export interface PartitionFetch {
  topic: string;
  partition: number;
  offset: number;
  maxBytes: number;
  /** The newest one that the reader knows. */
  leaderEpoch?: number;
}

export interface FetchPartitionsRequest {
  partitions: readonly PartitionFetch[];
  /** Wait for so many bytes of all partitions together … */
  minBytes: number;
  /** … but at most this long. */
  waitMs: number;
  /** Of all partitions together; the first one that has records is served one batch however large it is. */
  maxBytes: number;
  signal?: AbortSignal;
  rack?: string;
  /** Asked before anything is read, about so many bytes. */
  room?: AnswerRoom;
  /** For breaks in the work on thousands of partitions. */
  turns?: Turns;
  /** Ends when the batches are looked at no more; absent: they may be for ever. */
  loan?: Loan;
}

export interface AnswerRoom {
  /** Whether there is room now, which is taken then. */
  now(bytes: number): boolean;
  /** Waits for it; where the answer is no, nothing is read. */
  wait(bytes: number): Promise<boolean>;
}

export type PartitionFetched =
  | { fetched: FetchBatchesResult }
  | { fault: MillraceError }
  /** The reader's leader epoch is not the partition's. */
  | { verdict: Exclude<EpochVerdict, 'current'> };

/** In the order of the request. An error of any partition ends the wait. */
export async function fetchPartitions(broker: Broker, request: FetchPartitionsRequest): Promise<PartitionFetched[]> {
  const { room, turns, rack, loan } = request;
  const nextTurn = async () => {
    if (request.partitions.length > kafkaLimits.kafkaElementsAtOnceMax) await turns?.ownTurn();
  };
  const opened = await mapBounded(
    request.partitions,
    kafkaLimits.kafkaPartitionsInFlightMax,
    (wanted) => faultOr(() => open(broker, wanted)),
    turns,
  );
  const places = opened.filter((each): each is Place => !isRefused(each));
  await nextTurn();
  if (places.length === opened.length) await awaitBytes(broker, places, request);
  await nextTurn();
  const { shares, bytes } = shareOut(broker, places, request.maxBytes);
  await nextTurn();
  if (room !== undefined && !room.now(bytes)) {
    const little = await readLittle(broker, opened, request);
    if (little !== undefined) return little;
    if (!(await room.wait(bytes))) shares.clear();
  }
  return readShares(broker, opened, { shares, rack, turns, loan });
}

/**
 * What needs no room, for a reader that keeps up while others have all the room and take nothing. `undefined` where
 * that is nothing, though there is something to read. Nothing larger is even read: of thousands of readers it would be
 * in memory at once.
 */
async function readLittle(
  broker: Broker,
  opened: readonly (Place | Refused)[],
  { maxBytes, rack, turns, loan }: FetchPartitionsRequest,
): Promise<PartitionFetched[] | undefined> {
  const { kafkaFreeBytes } = kafkaLimits;
  const places = opened.filter((each): each is Place => !isRefused(each));
  const { shares } = shareOut(broker, places, Math.min(maxBytes, kafkaFreeBytes));
  const found = await readShares(broker, opened, { shares, rack, turns, loan, strict: true });
  const bytes = found.reduce((sum, each) => sum + ('fetched' in each ? bytesIn(each.fetched) : 0), 0);
  return bytes > 0 || shares.size === 0 ? found : undefined;
}

async function readShares(
  broker: Broker,
  opened: readonly (Place | Refused)[],
  { shares, turns, ...how }: Sharing,
): Promise<PartitionFetched[]> {
  const found = await mapBounded(
    opened,
    kafkaLimits.kafkaPartitionsInFlightMax,
    (place) =>
      isRefused(place) ? Promise.resolve(place) : read(broker, place, { maxBytes: shares.get(place), ...how }),
    turns,
  );
  return withinShares(
    found,
    opened.map((place) => (isRefused(place) ? undefined : shares.get(place))),
  );
}

interface Sharing {
  shares: ReadonlyMap<Place, number>;
  rack: string | undefined;
  turns: Turns | undefined;
  loan: Loan | undefined;
  strict?: boolean;
}

function bytesIn({ batches }: FetchBatchesResult): number {
  return batches.reduce((sum, chunk) => sum + chunk.length, 0);
}

/** `maxBytes` absent: nothing is read where it is known how the partition stands. */
async function read(
  broker: Broker,
  place: Place,
  { maxBytes, rack, loan, strict }: Pick<Sharing, 'rack' | 'loan' | 'strict'> & { maxBytes: number | undefined },
): Promise<PartitionFetched> {
  const { topic, partition, offset } = place;
  const waiting = maxBytes === undefined ? asItStands(broker, place) : undefined;
  if (waiting !== undefined) return { fetched: waiting };
  const position = { at: 'offset', offset } as const;
  return faultOr(async () => ({
    fetched: await fetchBatches(broker, {
      topic,
      partition,
      position,
      maxBytes: maxBytes ?? 0,
      minBytes: 1,
      waitMs: 0,
      rack,
      loan,
      ...(strict !== undefined && { strict }),
    }),
  }));
}

/**
 * Only the first partition that has records gives a batch that is larger than its share; that of any other has to wait
 * for its turn.
 */
function withinShares(found: readonly PartitionFetched[], shares: readonly (number | undefined)[]): PartitionFetched[] {
  let isFirst = true;
  return found.map((each, at) => {
    if (!('fetched' in each) || each.fetched.batches.length === 0) return each;
    const isTooMuch = !isFirst && bytesIn(each.fetched) > (shares[at] ?? 0);
    isFirst = false;
    return isTooMuch ? { fetched: { ...each.fetched, batches: [], nextOffset: each.fetched.offset } } : each;
  });
}

type Place = OpenPartition & PartitionFetch;

type Refused = Exclude<PartitionFetched, { fetched: unknown }>;

function isRefused(each: Place | Refused): each is Refused {
  return 'fault' in each || 'verdict' in each;
}

async function open(broker: Broker, wanted: PartitionFetch): Promise<Place | Refused> {
  const verdict = await checkLeaderEpoch(broker, wanted);
  return verdict === 'current'
    ? { ...wanted, ...(await openPartition(broker, wanted.topic, wanted.partition)) }
    : { verdict };
}

async function faultOr<T>(run: () => Promise<T>): Promise<T | { fault: MillraceError }> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof MillraceError) return { fault: error };
    throw error;
  }
}

/**
 * What each partition may have of the bytes, in the order of the request; none where it has nothing, or nothing is
 * left.
 */
function shareOut(broker: Broker, places: readonly Place[], maxBytes: number) {
  const shares = new Map<Place, number>();
  let left = maxBytes;
  let bytes = 0;
  for (const place of places) {
    const head = broker.heads.peek(place.ledger);
    // The first one gets a batch, however little it asked for.
    if ((left <= 0 && shares.size > 0) || !isReady(place, head) || head === undefined) continue;
    const share = Math.min(place.maxBytes, left);
    shares.set(place, share);
    const expected = Math.min(share, bytesFrom(head, place.slot, place.offset));
    left -= expected;
    bytes += expected;
  }
  return { shares, bytes };
}

/** Nothing of a partition, with where it stands as the wait has seen it; `undefined` where it has not. */
function asItStands(broker: Broker, { ledger, slot, offset }: Place): FetchBatchesResult | undefined {
  const head = broker.heads.peek(ledger);
  if (head === undefined) return undefined;
  const logStartOffset = head.start[slot] as number;
  return { batches: [], offset, nextOffset: offset, highWatermark: highWatermark(head, slot), logStartOffset };
}
