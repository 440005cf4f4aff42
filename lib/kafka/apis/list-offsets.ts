/** ListOffsets: the ends of partitions, and offsets by time. */
import { checkLeaderEpoch } from '../../broker/fetch/check-leader-epoch.ts';
import { listOffsets as find } from '../../broker/fetch/list-offsets.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed, topicDenied } from '../authorization/authorization.ts';
import { type Failure, failureOf, NONE, toldOfReading, wireCodes } from '../failures.ts';
import { epochFailure, leaderEpochOf } from '../fields/leader-epochs.ts';
import { offsetOf } from '../fields/offsets.ts';
import { mapInTurns } from '../map-in-turns.ts';

type Request = RequestOf<'ListOffsets'>;
type Partition = Request['topics'][number]['partitions'][number];
type PartitionResponse = ResponseOf<'ListOffsets'>['topics'][number]['partitions'][number];

/** Times that are none: special questions, each with the version from which on it can be asked. */
const LATEST = -1n;
const EARLIEST = -2n;
/** KIP-734: the newest timestamp and its offset. */
const MAX_TIMESTAMP = -3n;
/**
 * KIP-405: the earliest offset on local disk; KIP-1005, the latest in tiered storage; KIP-1023, the earliest on its way
 * there.
 */
const EARLIEST_LOCAL = -4n;
const LATEST_TIERED = -5n;
const EARLIEST_PENDING_UPLOAD = -6n;
const ASKED_FROM = new Map([
  [LATEST, 1],
  [EARLIEST, 1],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
]);
const NOTHING = -1n;
const LEADER_EPOCH_FROM = 4;

export const listOffsets: ServedApi<'ListOffsets'> = {
  lowest: 1,
  highest: 11,
  handle: async (call, { topics }) => ({
    topics: await mapInTurns(call, topics, async ({ name, partitions }) => ({
      name,
      partitions: await mapInTurns(call, partitions, (partition) => look(call, name, partition)),
    })),
  }),
  failed: (_call, { topics }, failure) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => refused(partitionIndex, toldOfReading(failure))),
    })),
  }),
};

async function look(call: Call, topic: string, asked: Partition): Promise<PartitionResponse> {
  const { partitionIndex, timestamp, currentLeaderEpoch } = asked;
  const refuse = (failure: Failure) => refused(partitionIndex, failure);
  if (!isAllowed(call, 'consume', topic)) return refuse(topicDenied(topic));
  if (timestamp < 0n && call.version < (ASKED_FROM.get(timestamp) ?? Number.POSITIVE_INFINITY)) {
    return refuse({ code: wireCodes.UNSUPPORTED_VERSION, message: `No question is ${timestamp} in this version.` });
  }
  const { broker } = call.gateway;
  try {
    const partition = { topic, partition: partitionIndex };
    const failure = epochFailure(
      await checkLeaderEpoch(broker, { ...partition, ...leaderEpochOf(currentLeaderEpoch) }),
    );
    if (failure !== undefined) return refuse(failure);
    // As brokers without tiered storage answer.
    if (timestamp === LATEST_TIERED || timestamp === EARLIEST_PENDING_UPLOAD)
      return refuse({ code: NONE, message: '' });
    const found = await find(broker, { ...partition, at: placeOf(timestamp) });
    return {
      partitionIndex,
      errorCode: NONE,
      timestamp: found.timestamp === null ? NOTHING : BigInt(found.timestamp),
      offset: found.offset === null ? NOTHING : BigInt(found.offset),
      ...(call.version >= LEADER_EPOCH_FROM && { leaderEpoch: found.leaderEpoch }),
    };
  } catch (error) {
    return refuse(toldOfReading(failureOf(error)));
  }
}

function placeOf(timestamp: bigint) {
  if (timestamp === LATEST) return { at: 'latest' } as const;
  // All that there is counts as local: nobody needs to tell tiers apart.
  if (timestamp === EARLIEST || timestamp === EARLIEST_LOCAL) return { at: 'earliest' } as const;
  if (timestamp === MAX_TIMESTAMP) return { at: 'newest' } as const;
  return { at: 'timestamp', timestampMs: offsetOf(timestamp) } as const;
}

function refused(partitionIndex: number, { code }: Failure): PartitionResponse {
  return { partitionIndex, errorCode: code, timestamp: NOTHING, offset: NOTHING };
}
