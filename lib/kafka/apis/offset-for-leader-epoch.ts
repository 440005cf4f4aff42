/**
 * OffsetForLeaderEpoch: where a leader epoch's records end, for consumers that check whether theirs were cut off
 * (KIP-320).
 */
import { offsetForEpoch } from '../../broker/fetch/offset-for-epoch.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed, topicDenied } from '../authorization/authorization.ts';
import { type Failure, failureOf, NONE, toldOfReading, wireCodes } from '../failures.ts';
import { mapInTurns } from '../map-in-turns.ts';

type Request = RequestOf<'OffsetForLeaderEpoch'>;
type Partition = Request['topics'][number]['partitions'][number];
type PartitionResponse = ResponseOf<'OffsetForLeaderEpoch'>['topics'][number]['partitions'][number];

/** Of a client that does not say which epoch it takes for the leader's. */
const ANY_EPOCH = -1;
const NO_OFFSET = -1n;

export const offsetForLeaderEpoch: ServedApi<'OffsetForLeaderEpoch'> = {
  lowest: 2,
  highest: 4,
  handle: async (call, { topics }) => ({
    topics: await mapInTurns(call, topics, async ({ topic, partitions }) => ({
      topic,
      partitions: await mapInTurns(call, partitions, (partition) => look(call, topic, partition)),
    })),
  }),
  failed: (_call, { topics }, failure) => ({
    topics: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => refused(partition, toldOfReading(failure))),
    })),
  }),
};

async function look(call: Call, topic: string, request: Partition): Promise<PartitionResponse> {
  const { partition, leaderEpoch, currentLeaderEpoch } = request;
  if (!isAllowed(call, 'consume', topic)) return refused(partition, topicDenied(topic));
  try {
    const { currentEpoch, end } = await offsetForEpoch(call.gateway.broker, { topic, partition, epoch: leaderEpoch });
    const refusal = epochRefusal(currentLeaderEpoch, currentEpoch);
    if (refusal !== undefined) return refused(partition, refusal);
    if (end === undefined) return { partition, errorCode: NONE };
    return { partition, errorCode: NONE, leaderEpoch: end.epoch, endOffset: BigInt(end.offset) };
  } catch (error) {
    return refused(partition, toldOfReading(failureOf(error)));
  }
}

/** A client that knows an older epoch is to read its metadata again; one that knows a newer one, to wait for us. */
function epochRefusal(known: number, current: number): Failure | undefined {
  if (known === ANY_EPOCH || known === current) return undefined;
  return known < current
    ? { code: wireCodes.FENCED_LEADER_EPOCH, message: `The leader epoch is ${current}, not ${known}.` }
    : { code: wireCodes.UNKNOWN_LEADER_EPOCH, message: `The leader epoch ${known} is not known here yet.` };
}

function refused(partition: number, { code }: Failure): PartitionResponse {
  return { partition, errorCode: code, endOffset: NO_OFFSET };
}
