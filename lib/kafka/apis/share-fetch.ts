/** ShareFetch (KIP-932): records for a member of a share group, and what it has done with those that it had. */
import { shareFetch as fetchShared, type SharedPartition } from '../../broker/share-groups/share-fetch.ts';
import type { ShareVisited } from '../../broker/share-groups/visit-share-partition.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { type Failure, failureWith, NONE, toldOfReading } from '../failures.ts';
import { eachOnce } from '../fields/each-once.ts';
import { mapInTurns } from '../map-in-turns.ts';
import {
  acknowledgeFailure,
  acknowledgementsOf,
  codeOf,
  consumedTopic,
  giveBackLater,
  malformedAcknowledgements,
  refusedMember,
  type ShareMemberName,
  sessionFailure,
  sessionKeyOf,
  shareFailureOf,
} from '../share-groups/share-acknowledgements.ts';
import {
  FINAL_EPOCH,
  FIRST_EPOCH,
  partitionName,
  type SessionFound,
  type SessionPartition,
} from '../share-groups/share-sessions.ts';

type Request = RequestOf<'ShareFetch'>;
type Response = ResponseOf<'ShareFetch'>;
type PartitionData = Response['responses'][number]['partitions'][number];

/** KIP-1206: whole record batches beyond the records that are asked for, or exactly so many. */
const RECORD_LIMIT_MODE = 1;

export const shareFetch: ServedApi<'ShareFetch'> = {
  lowest: 1,
  highest: 2,
  answerBytes: () => 0,
  handle,
  failed: (_call, _request, failure) => refused(toldOfReading(failure)),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const { broker, shareSessions } = call.gateway;
  const member = refusedMember(call, request);
  if ('failure' in member) return refused(member.failure);
  const malformed = malformedIn(request);
  if (malformed !== undefined) return refused(malformed);
  const found = sessionOf(call, request, member);
  if (!('session' in found)) {
    if (found.missing === 'room') await broker.clock.sleep(Math.max(0, request.maxWaitMs), call.signal);
    return refused(sessionFailure(found));
  }
  const { session } = found;
  const isLast = request.shareSessionEpoch === FINAL_EPOCH;
  const named = eachOnce(request.topics.flatMap(namedPartitions), partitionName);
  const toForget = request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => ({ topicId, partition })),
  );
  if (!isLast && !session.update(named, toForget)) return refused(TOO_MANY);
  const answered = await answers(call, request, {
    member,
    wanted: isLast || request.isRenewAck ? [] : session.rotated(),
    named,
    released: isLast ? session.partitions : [],
  });
  if (isLast) shareSessions.end(session);
  const { lockMs } = await broker.shares.config(member.group);
  const isFull = request.shareSessionEpoch === FIRST_EPOCH;
  const told = answered.filter(({ isToTell }) => isFull || isToTell);
  return { errorCode: NONE, acquisitionLockTimeoutMs: lockMs, responses: byTopic(told), nodeEndpoints: [] };
}

/** What Kafka refuses before it looks at the session. */
function malformedIn({
  isRenewAck,
  maxBytes,
  minBytes,
  maxRecords,
  maxWaitMs,
  ...request
}: Request): Failure | undefined {
  const bad = (message: string) => failureWith('INVALID_REQUEST', message);
  if (isRenewAck && [maxBytes, minBytes, maxRecords, maxWaitMs].some((asked) => asked !== 0)) {
    return bad('Who renews asks for no records: maxBytes, minBytes, maxRecords and maxWaitMs are 0.');
  }
  const says = request.topics.some(({ partitions }) =>
    partitions.some((each) => each.acknowledgementBatches.length > 0),
  );
  return request.shareSessionEpoch === FIRST_EPOCH && says
    ? bad('A session does not begin with acknowledgements.')
    : undefined;
}

const TOO_MANY = failureWith('INVALID_REQUEST', 'The share session has more partitions than one can have.');

function sessionOf(call: Call, { shareSessionEpoch }: Request, member: ShareMemberName): SessionFound {
  const { shareSessions } = call.gateway;
  const key = sessionKeyOf(call, member);
  if (shareSessionEpoch !== FIRST_EPOCH) return shareSessions.next(key, shareSessionEpoch);
  return shareSessions.begin(key, call.signal, (session) => giveBackLater(call, session));
}

interface NamedPartition extends SessionPartition {
  batches: Request['topics'][number]['partitions'][number]['acknowledgementBatches'];
}

function namedPartitions({ topicId, partitions }: Request['topics'][number]): NamedPartition[] {
  return partitions.map(({ partitionIndex, acknowledgementBatches }) => ({
    topicId,
    partition: partitionIndex,
    batches: acknowledgementBatches,
  }));
}

interface Answered extends SessionPartition {
  data: PartitionData;
  /** There is something new about it; else it may be left out. */
  isToTell: boolean;
}

interface Asked {
  member: ShareMemberName;
  wanted: readonly SessionPartition[];
  named: readonly NamedPartition[];
  released: readonly SessionPartition[];
}

/** Of all partitions that the request is about: to fetch from, with acknowledgements, or of a session that ends. */
async function answers(call: Call, request: Request, { member, wanted, named, released }: Asked): Promise<Answered[]> {
  const said = new Map(named.filter(({ batches }) => batches.length > 0).map((each) => [partitionName(each), each]));
  const [wantedNames, releasedNames] = [wanted, released].map((all) => new Set(all.map(partitionName))) as [
    Set<string>,
    Set<string>,
  ];
  const all = eachOnce([...wanted, ...said.values(), ...released], partitionName);
  const topics = await topicsOf(call, all);
  const plans = all.map((each) => {
    const batches = said.get(partitionName(each))?.batches;
    const acknowledgements = batches && acknowledgementsOf(call, batches, request.isRenewAck);
    const isMalformed = batches !== undefined && acknowledgements === undefined;
    const topic = topics.get(each.topicId) as string | Failure;
    const { topicId, partition } = each;
    const shared: SharedPartition | undefined =
      typeof topic === 'string'
        ? {
            topic,
            topicId,
            partition,
            withoutRecords: !wantedNames.has(partitionName(each)),
            releases: releasedNames.has(partitionName(each)),
            ...(acknowledgements !== undefined && { acknowledgements }),
          }
        : undefined;
    return { topicId, partition, topic, shared, isMalformed, isSaid: batches !== undefined };
  });
  const partitions = plans.flatMap(({ shared }) => shared ?? []);
  const visited = await fetchShared(call.gateway.broker, { ...member, ...limitsOf(call, request), partitions });
  const outcomes = new Map(partitions.map((shared, at) => [shared, visited[at] as ShareVisited]));
  return plans.map(({ topicId, partition, topic, shared, isMalformed, isSaid }) => {
    const outcome = shared && (outcomes.get(shared) as ShareVisited);
    const denied = typeof topic === 'string' ? undefined : topic;
    const unsaid = isMalformed ? malformedAcknowledgements : denied;
    const acknowledged = unsaid ?? (outcome && acknowledgeFailure(outcome));
    const failure = denied ?? (outcome?.fault && shareFailureOf(outcome.fault));
    const data = partitionData(partition, { outcome, failure, acknowledged: isSaid ? acknowledged : undefined });
    return { topicId, partition, data, isToTell: isSaid || failure !== undefined || data.acquiredRecords.length > 0 };
  });
}

async function topicsOf(call: Call, all: readonly SessionPartition[]): Promise<Map<TopicId, string | Failure>> {
  const ids = [...new Set(all.map(({ topicId }) => topicId))];
  const names = await mapInTurns(call, ids, (topicId) => consumedTopic(call, topicId));
  return new Map(ids.map((topicId, at) => [topicId, names[at] as string | Failure]));
}

function limitsOf(call: Call, request: Request) {
  const { maxRecords, batchSize, maxBytes, minBytes, maxWaitMs, shareAcquireMode } = request;
  const isNothing = maxRecords <= 0 || maxBytes <= 0;
  return {
    // Otherwise a batch is served however large it is.
    maxRecords: isNothing ? 0 : maxRecords,
    batchSize: Math.max(1, batchSize),
    strict: shareAcquireMode === RECORD_LIMIT_MODE,
    maxBytes: Math.min(Math.max(0, maxBytes), kafkaLimits.kafkaFetchBytesMax),
    minBytes: Math.max(1, minBytes),
    waitMs: isNothing ? 0 : Math.max(0, maxWaitMs),
    signal: call.signal,
    roomFor: call.roomForAnswer,
    turns: call.gateway.turns,
  };
}

function partitionData(
  partitionIndex: number,
  {
    outcome,
    failure,
    acknowledged,
  }: Record<'failure' | 'acknowledged', Failure | undefined> & { outcome: ShareVisited | undefined },
): PartitionData {
  return {
    partitionIndex,
    errorCode: codeOf(failure),
    errorMessage: failure?.message ?? null,
    acknowledgeErrorCode: codeOf(acknowledged),
    acknowledgeErrorMessage: acknowledged?.message ?? null,
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
    records: [...(outcome?.batches ?? [])],
    acquiredRecords: (outcome?.acquired ?? []).map(({ firstOffset, lastOffset, deliveries }) => ({
      firstOffset: BigInt(firstOffset),
      lastOffset: BigInt(lastOffset),
      deliveryCount: deliveries,
    })),
  };
}

function byTopic(answered: readonly Answered[]): Response['responses'] {
  const topics = Map.groupBy(answered, ({ topicId }) => topicId);
  return [...topics].map(([topicId, own]) => ({ topicId, partitions: own.map(({ data }) => data) }));
}

function refused({ code, message }: Failure): Response {
  return { errorCode: code, errorMessage: message, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };
}
