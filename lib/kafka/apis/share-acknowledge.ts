/** ShareAcknowledge (KIP-932): what a member has done with records, apart from fetching others. */
import { type SharedPartition, shareFetch } from '../../broker/share-groups/share-fetch.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { type Failure, NONE, toldOfReading } from '../failures.ts';
import { eachOnce } from '../fields/each-once.ts';
import { mapInTurns } from '../map-in-turns.ts';
import {
  acknowledgeFailure,
  acknowledgementsOf,
  codeOf,
  consumedTopic,
  giveBack,
  malformedAcknowledgements,
  refusedMember,
  sessionFailure,
  sessionKeyOf,
  WITHOUT_RECORDS,
} from '../share-groups/share-acknowledgements.ts';
import { FINAL_EPOCH, FIRST_EPOCH } from '../share-groups/share-sessions.ts';

type Request = RequestOf<'ShareAcknowledge'>;
type Response = ResponseOf<'ShareAcknowledge'>;
type Topic = Request['topics'][number];

export const shareAcknowledge: ServedApi<'ShareAcknowledge'> = {
  lowest: 1,
  highest: 2,
  handle,
  failed: (_call, _request, failure) => refused(toldOfReading(failure)),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const { broker, shareSessions } = call.gateway;
  const member = refusedMember(call, request);
  if ('failure' in member) return refused(member.failure);
  const { shareSessionEpoch: epoch } = request;
  const found =
    epoch === FIRST_EPOCH ? ({ missing: 'epoch' } as const) : shareSessions.next(sessionKeyOf(call, member), epoch);
  if (!('session' in found)) return refused(sessionFailure(found));
  const responses = await mapInTurns(call, request.topics, (topic) =>
    acknowledgeOf(call, request, { topic, ...member }),
  );
  if (epoch === FINAL_EPOCH) {
    shareSessions.end(found.session);
    await giveBack(call, found.session);
  }
  const { lockMs } = await broker.shares.config(member.group);
  return { errorCode: NONE, acquisitionLockTimeoutMs: lockMs, responses, nodeEndpoints: [] };
}

async function acknowledgeOf(
  call: Call,
  { isRenewAck }: Request,
  { topic, group, memberId }: { topic: Topic; group: string; memberId: string },
): Promise<Response['responses'][number]> {
  const { topicId, partitions } = topic;
  const name = await consumedTopic(call, topicId);
  const said = eachOnce(partitions, ({ partitionIndex }) => String(partitionIndex)).map(
    ({ partitionIndex, acknowledgementBatches }) => ({
      partitionIndex,
      batches: acknowledgementsOf(call, acknowledgementBatches, isRenewAck),
    }),
  );
  const asked = said.flatMap(({ partitionIndex: partition, batches }): SharedPartition[] =>
    batches === undefined || typeof name !== 'string'
      ? []
      : [{ topic: name, topicId, partition, acknowledgements: batches, withoutRecords: true }],
  );
  const { broker, turns } = call.gateway;
  const visited = await shareFetch(broker, { group, memberId, partitions: asked, turns, ...WITHOUT_RECORDS });
  const outcomes = new Map(asked.map(({ partition }, at) => [partition, visited[at]]));
  return {
    topicId,
    partitions: said.map(({ partitionIndex }) => {
      if (typeof name !== 'string') return partitionOf(partitionIndex, name);
      const outcome = outcomes.get(partitionIndex);
      return partitionOf(
        partitionIndex,
        outcome === undefined ? malformedAcknowledgements : acknowledgeFailure(outcome),
      );
    }),
  };
}

function partitionOf(
  partitionIndex: number,
  failure: Failure | undefined,
): Response['responses'][number]['partitions'][number] {
  return {
    partitionIndex,
    errorCode: codeOf(failure),
    errorMessage: failure?.message ?? null,
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
  };
}

function refused({ code, message }: Failure): Response {
  return { errorCode: code, errorMessage: message, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };
}
