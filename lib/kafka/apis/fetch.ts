/**
 * Fetch. Stored batches go to the socket as they are. Sessions (KIP-227) are declined, which the protocol allows: each
 * request names all of its partitions.
 */
import { fetchPartitions, type PartitionFetched } from '../../broker/fetch/fetch-partitions.ts';
import { Loan } from '../../broker/read/loan.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { type Failure, failureOf, NONE, toldOfReading, wireCodes } from '../failures.ts';
import { epochFailure, leaderEpochOf } from '../fields/leader-epochs.ts';
import { offsetOf, wireOffset } from '../fields/offsets.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { nameAsked, refusedReading } from '../topics/asked-topic.ts';

type Request = RequestOf<'Fetch'>;
type Response = ResponseOf<'Fetch'>;
type PartitionData = Response['responses'][number]['partitions'][number];

const NO_SESSION = 0;
/** Of a request that begins or ends a session; any other number goes on with one, and there is none. */
const SESSIONLESS_EPOCHS: ReadonlySet<number> = new Set([0, -1]);
/** From this version on topics are named by their ids (KIP-516). */
const TOPIC_IDS_FROM = 13;

export const fetch: ServedApi<'Fetch'> = {
  lowest: 4,
  highest: 18,
  answerBytes: () => 0,
  handle,
  // The first versions have no room for an error of all of it, and Java's consumers cannot do with partitions missing.
  failed: (_call, { topics }, failure) => ({
    sessionId: NO_SESSION,
    responses: topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => partitionData(partition, { failure: toldOfReading(failure) })),
    })),
  }),
};

interface Wanted {
  topicAt: number;
  partition: number;
  topic: string;
  offset: number;
  maxBytes: number;
  leaderEpoch?: number;
}

async function handle(call: Call, request: Request): Promise<Response> {
  const { broker } = call.gateway;
  if (request.sessionId !== NO_SESSION || !SESSIONLESS_EPOCHS.has(request.sessionEpoch)) {
    return { errorCode: wireCodes.FETCH_SESSION_ID_NOT_FOUND, sessionId: NO_SESSION, responses: [] };
  }
  const names = await mapInTurns(call, request.topics, ({ topic: name, topicId }) =>
    nameAsked(call, { name, topicId }, { idsFrom: TOPIC_IDS_FROM }),
  );
  const refusals = names.map((name) => refusedReading(call, name));
  const wanted: Wanted[] = request.topics.flatMap(({ partitions }, topicAt) =>
    refusals[topicAt] === undefined
      ? partitions.map(({ partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch }) => ({
          topicAt,
          partition,
          topic: names[topicAt] ?? '',
          offset: offsetOf(fetchOffset),
          maxBytes: Math.max(0, partitionMaxBytes),
          ...leaderEpochOf(currentLeaderEpoch),
        }))
      : [],
  );
  const loan = new Loan();
  call.whenSent(() => loan.end());
  const found = await fetchPartitions(broker, {
    partitions: wanted,
    minBytes: Math.max(1, request.minBytes),
    // What is refused is told at once.
    waitMs:
      refusals.every((refusal) => refusal === undefined) && request.minBytes > 0 ? Math.max(0, request.maxWaitMs) : 0,
    maxBytes: Math.min(Math.max(0, request.maxBytes), kafkaLimits.kafkaFetchBytesMax),
    signal: call.signal,
    room: { now: call.roomNow, wait: call.roomForAnswer },
    turns: call.gateway.turns,
    loan,
    ...(request.rackId !== '' && { rack: request.rackId }),
  });
  const answers: PartitionFetched[][] = request.topics.map(() => []);
  for (const [at, { topicAt }] of wanted.entries()) answers[topicAt]?.push(found[at] as PartitionFetched);
  return {
    sessionId: NO_SESSION,
    responses: request.topics.map(({ topic, topicId, partitions }, topicAt) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }, at) =>
        partitionData(partition, answers[topicAt]?.[at] ?? { failure: refusals[topicAt] as Failure }),
      ),
    })),
  };
}

function partitionData(partitionIndex: number, answer: PartitionFetched | { failure: Failure }): PartitionData {
  if (!('fetched' in answer)) return refused(partitionIndex, answer);
  const { batches, highWatermark, logStartOffset } = answer.fetched;
  return {
    partitionIndex,
    errorCode: NONE,
    highWatermark: BigInt(highWatermark),
    // What is not committed is not in the log: there is nothing that readers of committed records have to wait for.
    lastStableOffset: BigInt(highWatermark),
    logStartOffset: BigInt(logStartOffset),
    abortedTransactions: null,
    records: batches,
  };
}

function refused(
  partitionIndex: number,
  answer: Exclude<PartitionFetched, { fetched: unknown }> | { failure: Failure },
): PartitionData {
  const facts = 'fault' in answer ? answer.fault.facts : {};
  return {
    partitionIndex,
    errorCode: failureIn(answer).code,
    highWatermark: wireOffset(facts.highWatermark),
    logStartOffset: wireOffset(facts.logStartOffset),
    abortedTransactions: null,
    records: [],
  };
}

function failureIn(answer: Exclude<PartitionFetched, { fetched: unknown }> | { failure: Failure }): Failure {
  if ('failure' in answer) return answer.failure;
  return 'fault' in answer ? toldOfReading(failureOf(answer.fault)) : (epochFailure(answer.verdict) as Failure);
}
