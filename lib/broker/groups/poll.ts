/**
 * The whole loop of a consumer in one call: join or show a sign of life, acknowledge what was taken, commit what the
 * last answer delivered, wait, and return the next records with a cursor that says how far they go.
 *
 * Nothing is written for an answer. One that is lost is served again, because the next poll then comes with the cursor
 * of the one before; and only what a cursor that comes back says was delivered is committed.
 */
import { equalPartitions, hasPartition, type Partitions } from '../../coordination/groups/partitions.ts';
import type { MemberName } from '../../coordination/groups/seat.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import type { LogRecord } from '../../log/record-batch/record.ts';
import type { Broker } from '../broker.ts';
import { type GroupOffset, prepareOffsets } from '../transactions/prepare.ts';
import { awaitRecords } from './await-records.ts';
import { nameOf } from './group-items.ts';
import { leaveGroup } from './leave-group.ts';
import { joinGroup, type PollCommit, type Seated, takeBack, takeSeat, type Wishes } from './membership.ts';
import { type OffsetReset, type Place, placesOf } from './places.ts';
import { decodePollCursor, encodePollCursor, type PollCursor } from './poll-cursor.ts';
import { type PartitionRecords, readFairly } from './read-fairly.ts';
import { type Steering, steerTo, unpaused } from './steer.ts';
import { topicsOf } from './topic-directory.ts';

export interface PollRequest extends Steering {
  group: string;
  /** Absent: joins. */
  memberId?: string;
  /** Of one that joins, random (`JOIN_ID`): who joins with the same id once more finds the member that it made. */
  joinId?: string;
  /** Of the last answer that arrived. */
  cursor?: string;
  wishes: Wishes;
  commit: 'delivered' | 'none' | readonly GroupOffset[];
  reset: OffsetReset;
  /** 0: a heartbeat, which does not wait. */
  maxRecords: number;
  maxBytes: number;
  waitMs: number;
  signal?: AbortSignal;
  rack?: string;
  /** Throws where the caller may not read the topic. */
  authorize: (topic: string) => void;
}

export interface TopicPartitions {
  topic: string;
  partitions: readonly number[];
}

export interface PolledPartition {
  topic: string;
  partition: number;
  /** Where the answer begins … */
  offset: number;
  records: readonly LogRecord[];
  /** … and where to go on after all of the records. */
  nextOffset: number;
}

export interface PollResult {
  memberId: string;
  epoch: number;
  assignment: TopicPartitions[];
  /** To be given up: the next poll with this answer's cursor says that it is done. */
  revoked: TopicPartitions[];
  partitions: PolledPartition[];
  /** With how far the answer goes in each of `partitions`, which may be less than was read. */
  cursor: (nextOffsets: readonly number[]) => string;
}

export async function poll(broker: Broker, request: PollRequest): Promise<PollResult> {
  checkGroupId(request.group);
  const { memberId, wishes } = request;
  if (memberId === undefined) return join(broker, request);
  const { instanceId } = wishes;
  return run(broker, request, { memberId, ...(instanceId !== undefined && { instanceId }) });
}

async function join(broker: Broker, request: PollRequest): Promise<PollResult> {
  const { group, wishes, joinId } = request;
  const { names, pattern, instanceId } = wishes;
  if (names === undefined && pattern === undefined) {
    throw new MillraceError('INVALID_REQUEST', 'A member that joins subscribes to topics or to a pattern of topics.', {
      facts: { field: 'topics' },
    });
  }
  const { name, member } = await joinGroup(broker, group, wishes, joinId);
  try {
    return await run(broker, { ...request, cursor: undefined, commit: 'none' }, name);
  } catch (error) {
    const comesAgain = error instanceof MillraceError && error.retriable;
    const findsItself = joinId !== undefined || instanceId !== undefined;
    // Another call with the same id may have been answered by now, and its caller be the member.
    if (!findsItself) await abandon(broker, group, name);
    else if (!comesAgain) await takeBack(broker, group, member);
    throw error;
  }
}

/** The caller never hears who it is, and nobody is to wait for such a member. */
async function abandon(broker: Broker, group: string, name: MemberName): Promise<void> {
  try {
    await leaveGroup(broker, { group, ...name });
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_MEMBER_ID') return;
    broker.log.warn('a member that could not be answered is left in its group', { group, error });
  }
}

async function run(broker: Broker, request: PollRequest, name: MemberName): Promise<PollResult> {
  const { group, cursor: text } = request;
  const cursor = text === undefined ? undefined : decodePollCursor(name.memberId, text);
  if (text !== undefined && cursor === undefined) {
    throw new MillraceError('INVALID_REQUEST', 'cursor is not one that an answer to this member had.', {
      facts: { field: 'cursor' },
    });
  }
  const commit: PollCommit =
    typeof request.commit === 'string'
      ? request.commit
      : await prepareOffsets(broker, { group, offsets: request.commit });
  return new Poll(broker, request, { name, cursor }).run(commit);
}

/** One call on its way. */
class Poll {
  private readonly broker: Broker;
  private readonly request: PollRequest;
  private readonly name: MemberName;
  private readonly cursor: PollCursor | undefined;
  private places: Place[] = [];
  /** The member's when the places were found. */
  private epoch: number | undefined;

  constructor(
    broker: Broker,
    request: PollRequest,
    { name, cursor }: { name: MemberName; cursor: PollCursor | undefined },
  ) {
    this.broker = broker;
    this.request = request;
    this.name = name;
    this.cursor = cursor;
  }

  async run(commit: PollCommit): Promise<PollResult> {
    const { clock } = this.broker;
    const { maxRecords, waitMs } = this.request;
    const endMs = clock.monotonic() + waitMs;
    const seated = await this.takeSeat(commit);
    try {
      await this.findPlaces(seated);
      return maxRecords === 0 ? await this.answer(seated, []) : await this.untilRecords(seated, endMs);
    } catch (error) {
      // What fails from here on has no effect of its own; but the commit is there.
      throw seated.mayHaveCommitted ? withEffect(error, 'unknown') : error;
    }
  }

  private async untilRecords(first: Seated, endMs: number): Promise<PollResult> {
    const { clock } = this.broker;
    const { group, signal } = this.request;
    let seated = first;
    for (let moved = hasToTell(seated); ; ) {
      const leftMs = moved || signal?.aborted === true ? 0 : endMs - clock.monotonic();
      const places = unpaused(this.places, this.request);
      await awaitRecords(this.broker, { group, seated, places, waitMs: leftMs, signal });
      const found = await readFairly(this.broker, places, this.request);
      if (found.length > 0 || leftMs <= 0) return this.answer(seated, found);
      const before = seated.followed.assignment;
      seated = await this.takeSeat('none');
      await this.findPlaces(seated);
      moved = hasToTell(seated) || !equalPartitions(before, seated.followed.assignment);
    }
  }

  /** Shows a sign of life. */
  private takeSeat(commit: PollCommit): Promise<Seated> {
    const { group, wishes } = this.request;
    const { name, cursor } = this;
    const joins = this.request.memberId === undefined;
    return takeSeat(this.broker, { group, name, wishes, cursor, commit, joins });
  }

  /** Where to go on in what is assigned. */
  private async findPlaces(seated: Seated): Promise<void> {
    const { group, reset, authorize } = this.request;
    const { cursor } = this;
    const { assignment } = seated.followed;
    // Under another epoch, which another poll of the member has brought about, somebody else may have had them between.
    const isExact = this.epoch === seated.exactEpoch;
    const kept = this.places.filter((place) => isExact && hasPartition(assignment, place));
    const before = new Map(kept.map((place) => [nameOf(place), place]));
    this.places = await placesOf(this.broker, { group, seated, cursor, before, reset });
    this.epoch = seated.member.epoch;
    steerTo(
      this.places.filter((place) => !before.has(nameOf(place))),
      this.request,
    );
    for (const topic of new Set(this.places.map((place) => place.topic))) authorize(topic);
  }

  private async answer({ member, followed }: Seated, found: readonly PartitionRecords[]): Promise<PollResult> {
    const { memberId } = this.name;
    const named = (partitions: Partitions) => this.named(member.subscription, partitions);
    return {
      memberId,
      epoch: member.epoch,
      assignment: await named(followed.assignment),
      revoked: await named(followed.revoking),
      partitions: found.map(({ place: { topic, partition, offset }, records, nextOffset }) => {
        return { topic, partition, offset, records, nextOffset };
      }),
      cursor: (nextOffsets) => {
        const reached = new Map(found.map(({ place }, index) => [place, nextOffsets[index] as number]));
        const positions = this.places.map((place) => {
          const { topicId, partition } = place;
          const offset = reached.get(place) ?? place.offset;
          return { topicId, partition, offset, fresh: place.fresh || offset !== place.offset };
        });
        return encodePollCursor(memberId, { epoch: member.epoch, writes: member.writes, positions });
      },
    };
  }

  private async named(subscription: Seated['member']['subscription'], partitions: Partitions) {
    if (partitions.size === 0) return [];
    const topics = await topicsOf(this.broker, subscription, partitions);
    return [...partitions].flatMap(([topicId, list]): TopicPartitions[] => {
      const topic = topics.get(topicId)?.name;
      return topic === undefined ? [] : [{ topic, partitions: list }];
    });
  }
}

/** The caller is to give something up, which nobody is to wait for longer than needed. */
function hasToTell({ followed }: Seated): boolean {
  return followed.revoking.size > 0;
}
