/**
 * ShareFetch: records of several share partitions for one member, with one wait; what it says of records that it had is
 * taken before. Cost: one write for each partition of which something is acquired or acknowledged, and mostly nothing
 * else.
 */
import type { AcknowledgementBatch } from '../../coordination/share-groups/acknowledge.ts';
import { nextToRead } from '../../coordination/share-groups/acquire.ts';
import type { ShareGroupConfig } from '../../coordination/share-groups/group-config.ts';
import { nextUnlockMs, type SharePartition } from '../../coordination/share-groups/share-partition.ts';
import type { SharePartitionId } from '../../coordination/share-groups/share-partition-item.ts';
import { Ending } from '../../kernel/ending.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Turns } from '../../kernel/turns.ts';
import type { Broker } from '../broker.ts';
import { bytesFrom } from '../fetch/fetch.ts';
import { isReady } from '../groups/read-fairly.ts';
import { awaitBytes } from '../instances/await-bytes.ts';
import { type OpenPartition, openPartition } from '../read/open-partition.ts';
import { type ShareVisited, visitSharePartition, type Wanted } from './visit-share-partition.ts';

export interface SharedPartition {
  topic: string;
  topicId: TopicId;
  partition: number;
  acknowledgements?: readonly AcknowledgementBatch[];
  /** Only acknowledgements are taken. */
  withoutRecords?: boolean;
  /** All that the member holds of it is given back. */
  releases?: boolean;
}

export interface ShareFetchRequest extends Omit<Wanted, 'maxBytes'> {
  group: string;
  memberId: string;
  partitions: readonly SharedPartition[];
  /** Of all partitions together; the first one that has records is served one batch however large it is. */
  maxBytes: number;
  minBytes: number;
  waitMs: number;
  signal?: AbortSignal;
  /** Asked before anything is read, about so many bytes; where the answer is no, nothing is. */
  roomFor?: (bytes: number) => Promise<boolean>;
  /** For breaks in the work on thousands of partitions. */
  turns?: Turns;
}

/** In the order of the request. A fault of any partition ends the wait. */
export async function shareFetch(broker: Broker, request: ShareFetchRequest): Promise<ShareVisited[]> {
  const config = await broker.shares.config(request.group);
  const places = await mapBounded(
    request.partitions,
    WIDTH,
    (asked) => open(broker, request.group, asked),
    request.turns,
  );
  return new ShareFetching(broker, { request, places, config }).run();
}

const WIDTH = shareGroupLimits.sharePartitionsInFlightMax;

interface Place {
  readonly asked: SharedPartition;
  readonly id: SharePartitionId;
  /** Absent: there is no such partition. */
  readonly open?: OpenPartition;
  /** What came of it so far; absent: it was not visited. */
  found?: ShareVisited;
}

async function open(broker: Broker, group: string, asked: SharedPartition): Promise<Place> {
  const { topic, topicId, partition } = asked;
  const id = { group, topicId, partition };
  try {
    const opened = await openPartition(broker, topic, partition);
    if (opened.ledger.topicId === topicId) return { asked, id, open: opened };
    throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', `The topic ${topic} is another one now.`);
  } catch (error) {
    return { asked, id, found: failed(asked, error) };
  }
}

function failed({ acknowledgements, withoutRecords }: SharedPartition, fault: unknown): ShareVisited {
  if (!(fault instanceof MillraceError)) throw fault;
  return {
    acquired: [],
    batches: [],
    ...(withoutRecords !== true && { fault }),
    ...(acknowledgements !== undefined && { refused: fault }),
  };
}

const NOTHING: ShareVisited = { acquired: [], batches: [] };

class ShareFetching {
  private readonly broker: Broker;
  private readonly request: ShareFetchRequest;
  private readonly places: readonly Place[];
  private readonly config: ShareGroupConfig;
  private readonly deadlineMs: number;
  /** Whether there is room for records; asked once. */
  private hasRoom: boolean | undefined;
  private waits = 0;

  constructor(
    broker: Broker,
    { request, places, config }: { request: ShareFetchRequest; places: readonly Place[]; config: ShareGroupConfig },
  ) {
    this.broker = broker;
    this.request = request;
    this.places = places;
    this.config = config;
    this.deadlineMs = broker.clock.monotonic() + request.waitMs;
  }

  /** It looks twice at least: at once by what is known, and then by heads that are strongly read. */
  async run(): Promise<ShareVisited[]> {
    const { clock } = this.broker;
    for (let isFirst = true; ; isFirst = false) {
      await this.visitAll();
      if (this.isOver() || (!isFirst && clock.monotonic() >= this.deadlineMs)) break;
      await this.wait();
    }
    return this.places.map(({ found }) => found ?? NOTHING);
  }

  /** Before all places are looked at, of which there may be thousands. */
  private async nextTurn(): Promise<void> {
    if (this.places.length > kafkaLimits.kafkaElementsAtOnceMax) await this.request.turns?.ownTurn();
  }

  private isOver(): boolean {
    const isAnswered = ({ found }: Place) =>
      found !== undefined && (found.acquired.length > 0 || found.fault !== undefined || found.refused !== undefined);
    if (this.isForsaken() || this.hasRoom === false) return true;
    return this.wanting().length === 0 || this.places.some(isAnswered);
  }

  /** Nobody would hear of what it acquired, and what its member had may have been given back already. */
  private isForsaken(): boolean {
    return this.request.signal?.aborted === true;
  }

  private wanting(): Place[] {
    return this.places.filter(({ asked, open: opened }) => opened !== undefined && asked.withoutRecords !== true);
  }

  /** Those at which something is to be done or had; each has an even share of what may be acquired. */
  private async visitAll(): Promise<void> {
    await this.nextTurn();
    await this.lookAgain();
    await this.nextTurn();
    const promising = this.promising();
    const { maxBytes, maxRecords, roomFor, turns } = this.request;
    const share = {
      maxRecords: Math.ceil(maxRecords / Math.max(1, promising.size)),
      maxBytes: Math.floor(maxBytes / Math.max(1, promising.size)),
    };
    const bytes = [...promising.values()].reduce((sum, expected) => sum + Math.min(share.maxBytes, expected), 0);
    if (roomFor !== undefined && bytes > 0) this.hasRoom ??= await roomFor(bytes);
    const wants: Wanted = { ...this.request, ...share };
    const due = this.places.filter((place) => promising.has(place) || isToSay(place));
    await mapBounded(
      due,
      WIDTH,
      async (place) => {
        const mayHave = promising.has(place) && this.hasRoom !== false && !this.isForsaken();
        place.found = await this.visit(place, mayHave ? wants : undefined);
      },
      turns,
    );
  }

  private async visit({ asked, open: place, found }: Place, wants: Wanted | undefined): Promise<ShareVisited> {
    const { group, memberId } = this.request;
    if (place === undefined) return found ?? NOTHING;
    const { acknowledgements, releases = false } = asked;
    const says = found === undefined && { releases, ...(acknowledgements !== undefined && { acknowledgements }) };
    try {
      const which = { group, memberId, place, config: this.config };
      return await visitSharePartition(this.broker, { ...which, ...says, ...(wants !== undefined && { wants }) });
    } catch (error) {
      return failed(found === undefined ? asked : { ...asked, withoutRecords: false }, error);
    }
  }

  /** What other processes have given back is seen after a while. */
  private async lookAgain(): Promise<void> {
    const { shares, clock } = this.broker;
    const old = this.wanting().filter(({ id }) => {
      const seen = shares.peek(id);
      return seen !== undefined && clock.monotonic() - seen.atMs >= shareGroupLimits.sharePartitionAgeMs;
    });
    await mapBounded(old, WIDTH, ({ id }) => shares.look(id, 'eventual'), this.request.turns);
  }

  /** Where it is not known that there is nothing, with how many bytes there are as far as that is known. */
  private promising(): Map<Place, number> {
    const found = new Map<Place, number>();
    for (const place of this.wanting()) {
      const partition = this.known(place);
      if (this.isPromising(place, partition)) found.set(place, this.expected(place, partition));
    }
    return found;
  }

  private isPromising(place: Place, partition: SharePartition | undefined): boolean {
    const { clock, heads } = this.broker;
    if (partition === undefined || (nextUnlockMs(partition) ?? Infinity) <= clock.now()) return true;
    const offset = nextToRead(partition, this.config.limits);
    const { ledger, slot } = place.open as OpenPartition;
    const head = heads.peek(ledger);
    return offset !== undefined && (head === undefined || isReady({ slot, offset }, head));
  }

  private known({ id }: Place): SharePartition | undefined {
    return this.broker.shares.peek(id)?.stored?.partition;
  }

  private expected(place: Place, partition: SharePartition | undefined): number {
    const { ledger, slot } = place.open as OpenPartition;
    const head = this.broker.heads.peek(ledger);
    const offset = partition && nextToRead(partition, this.config.limits);
    return head === undefined || offset === undefined ? 0 : bytesFrom(head, slot, offset);
  }

  /**
   * For records, the end of a lock, what others give back, or until it is time to look what other processes have done.
   */
  private async wait(): Promise<void> {
    const { shares, clock } = this.broker;
    const places = this.wanting();
    // Others may get what it waits for, again and again.
    if (++this.waits > 2) await clock.sleep(shareGroupLimits.shareWaitMsMin, this.request.signal);
    await this.nextTurn();
    const restMs = this.deadlineMs - clock.monotonic();
    const known = places.map((place) => ({ place, partition: this.known(place) ?? NOT_READ }));
    const unlocksMs = known.map(({ partition }) => nextUnlockMs(partition) ?? Infinity);
    const lockedMs = Math.max(shareGroupLimits.shareWaitMsMin, Math.min(...unlocksMs) - clock.now());
    const waitMs = Math.min(restMs, lockedMs, shareGroupLimits.sharePartitionAgeMs);
    const wait = new Ending(this.request.signal);
    const unlisten = places.map(({ id }) => shares.listen(id, () => wait.end()));
    try {
      await this.awaitRecords(known, { waitMs, signal: wait.signal });
    } finally {
      wait.end();
      for (const end of unlisten) end();
    }
  }

  private async awaitRecords(
    places: readonly { place: Place; partition: SharePartition }[],
    { waitMs, signal }: { waitMs: number; signal: AbortSignal },
  ): Promise<void> {
    const readings = places.flatMap(({ place, partition }) => {
      const { ledger, slot } = place.open as OpenPartition;
      const offset = nextToRead(partition, this.config.limits);
      return offset === undefined ? [] : [{ ledger, slot, offset }];
    });
    const minBytes = Math.max(1, Math.min(this.request.minBytes, this.request.maxBytes));
    if (readings.length > 0) await awaitBytes(this.broker, readings, { minBytes, waitMs, signal });
    else await this.broker.clock.sleep(Math.max(0, waitMs), signal);
  }
}

const NOT_READ: SharePartition = { startOffset: 0, runs: [] };

/** It says something of records that it had, which is still to be taken. */
function isToSay({ asked, found }: Place): boolean {
  return found === undefined && (asked.acknowledgements !== undefined || asked.releases === true);
}
