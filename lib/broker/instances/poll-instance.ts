/**
 * A poll of an instance. How far it goes is written before it is answered, so that the next one goes on from there,
 * whichever process gets it: an answer that gets lost is not served again, as with every server that remembers
 * positions for its clients. A poll that another request of the instance overtook delivers nothing, and has changed
 * nothing.
 */
import type { ConsumerInstance, InstanceId, InstanceSource } from '../../coordination/groups/instance-item.ts';
import { newJoinId } from '../../coordination/groups/seat.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Broker } from '../broker.ts';
import { leaveGroup } from '../groups/leave-group.ts';
import { type PolledPartition, type PollRequest, type PollResult, poll } from '../groups/poll.ts';
import { awaitBytes, bytesWanted } from './await-bytes.ts';
import { isGone } from './leave-source.ts';
import { placesHeld } from './places-held.ts';
import { pollAssigned } from './poll-assigned.ts';
import { saveInstance, storedInstance } from './store.ts';

export interface InstancePollRequest<T> {
  waitMs: number;
  maxRecords: number;
  maxBytes: number;
  signal?: AbortSignal;
  rack?: string;
  /** Throws where the caller may not read the topic. */
  authorize: (topic: string) => void;
  /**
   * Takes what is to be delivered of what was read, and says how far that goes in each partition. May throw: then
   * nothing is.
   */
  take: (partitions: readonly PolledPartition[]) => Taken<T>;
}

interface Taken<T> {
  nextOffsets: readonly number[];
  answer: T;
}

export type InstancePollResult<T> =
  | { outcome: 'delivered'; answer: T }
  | { outcome: 'overtaken' }
  /** The wait was aborted. */
  | { outcome: 'undelivered' }
  | { outcome: 'nothing-subscribed' };

/** By the instance as it was read just before. */
export async function pollInstance<T>(
  broker: Broker,
  { id, instance }: { id: InstanceId; instance: ConsumerInstance },
  request: InstancePollRequest<T>,
): Promise<InstancePollResult<T>> {
  const { from } = instance;
  if (from.source === 'nothing') return { outcome: 'nothing-subscribed' };
  const { partitions, after, undo } =
    from.source === 'assignment'
      ? await pollAssigned(broker, { group: id.group, instance, positions: from.positions }, request)
      : await pollSubscribed(broker, { id, instance, from }, request);
  const taken = attempt(() => request.take(partitions));
  // Whoever is gone before there is an answer has got nothing.
  const isDelivered = !('fault' in taken) && request.signal?.aborted !== true;
  const reached = isDelivered ? taken.value.nextOffsets : partitions.map(({ offset }) => offset);
  // Also where nothing was taken: the member is in the group, and whatever it holds is to be known.
  const saved = await saveInstance(broker, id, instance, { from: after(reached) });
  if (saved === undefined) {
    await undo();
    return { outcome: 'overtaken' };
  }
  if ('fault' in taken) throw taken.fault;
  return isDelivered ? { outcome: 'delivered', answer: taken.value.answer } : { outcome: 'undelivered' };
}

/** What was read, and what the instance is after it. */
export interface SourcePoll {
  partitions: readonly PolledPartition[];
  after: (nextOffsets: readonly number[]) => InstanceSource;
  /** Where the instance cannot be changed to that. */
  undo: () => Promise<void>;
}

function attempt<T>(run: () => T): { value: T } | { fault: unknown } {
  try {
    return { value: run() };
  } catch (fault) {
    return { fault };
  }
}

async function pollSubscribed(
  broker: Broker,
  {
    id,
    instance,
    from,
  }: { id: InstanceId; instance: ConsumerInstance; from: InstanceSource & { source: 'subscription' } },
  request: InstancePollRequest<unknown>,
): Promise<SourcePoll> {
  const { group, name } = id;
  const { take: _, ...rest } = request;
  const endMs = broker.clock.monotonic() + request.waitMs;
  const minBytes = bytesWanted(instance, request);
  if (minBytes > 1) await awaitBytes(broker, await placesHeld(broker, from), { ...request, minBytes });
  const joining: PollRequest = {
    ...rest,
    group,
    waitMs: Math.max(0, endMs - broker.clock.monotonic()),
    wishes: {
      names: from.names,
      pattern: from.pattern,
      // There is nobody to show a sign of life between two polls: the member lives as long as the instance.
      sessionTimeoutMs: groupLimits.instanceTimeoutMs,
      client: name.slice(0, groupLimits.groupClientLengthMax),
    },
    commit: instance.autoCommit ? 'delivered' : 'none',
    reset: instance.reset,
  };
  const { result, isNew } = await pollOrRejoin(broker, joining, from);
  return {
    partitions: result.partitions,
    after: (nextOffsets) => ({
      ...from,
      memberId: result.memberId,
      cursor: result.cursor(nextOffsets),
      ...(isNew && { joinId: newJoinId(broker.random) }),
    }),
    undo: async () => {
      if (isNew && !(await isStillOf(broker, id, { from, memberId: result.memberId }))) {
        await leaveGroup(broker, { group, memberId: result.memberId });
      }
    },
  };
}

async function pollOrRejoin(
  broker: Broker,
  request: PollRequest,
  { memberId, cursor, joinId }: InstanceSource & { source: 'subscription' },
): Promise<{ result: PollResult; isNew: boolean }> {
  const joining: PollRequest = { ...request, ...(joinId !== undefined && { joinId }) };
  if (memberId === undefined) return { result: await poll(broker, joining), isNew: true };
  try {
    return { result: await poll(broker, { ...request, memberId, cursor }), isNew: false };
  } catch (error) {
    if (!isGone(error)) throw error;
    return { result: await poll(broker, joining), isNew: true };
  }
}

/**
 * Whoever overtook the poll has the same member, or will have: another poll that joined with the same id, or the next
 * one.
 */
async function isStillOf(
  broker: Broker,
  id: InstanceId,
  { from: { joinId }, memberId }: { from: InstanceSource & { source: 'subscription' }; memberId: string },
): Promise<boolean> {
  const now = (await storedInstance(broker, id))?.from;
  if (now?.source !== 'subscription') return false;
  return now.memberId === memberId || (joinId !== undefined && now.joinId === joinId);
}
