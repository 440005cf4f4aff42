/**
 * DescribeTopicPartitions (KIP-966): topics in the order of their names, as many partitions at a time as the client
 * asks for, and where the next answer begins.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { checkTopicName } from '../../log/topic/name.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { canSee, topicDenied } from '../authorization/authorization.ts';
import { topicOperations } from '../authorization/authorized-operations.ts';
import { ZERO_UUID } from '../codec/reader.ts';
import { type Failure, failureOf, NONE, UNKNOWN_TOPIC, unanswerable } from '../failures.ts';
import { isInternal, type TopicView, viewOrNone } from '../topics/topic-view.ts';

type Request = RequestOf<'DescribeTopicPartitions'>;
type Response = ResponseOf<'DescribeTopicPartitions'>;
type TopicResponse = Response['topics'][number];

export const describeTopicPartitions: ServedApi<'DescribeTopicPartitions'> = {
  lowest: 0,
  highest: 0,
  // Its partitions are bounded, and the names of all topics are not.
  answerBytes: (_call, { topics }) =>
    topics.length === 0 ? kafkaLimits.kafkaAnswerAllBytes : topics.length * kafkaLimits.kafkaAnswerTopicBytes,
  handle,
  failed: (_call, { topics }, failure) =>
    topics.length === 0 ? unanswerable(failure) : { topics: topics.map(({ name }) => refused(name, failure)) },
};

async function handle(call: Call, request: Request): Promise<Response> {
  const { cursor, responsePartitionLimit } = request;
  checkCursor(request);
  let room = Math.max(1, Math.min(responsePartitionLimit, kafkaLimits.kafkaDescribedPartitionsMax));
  const topics: TopicResponse[] = [];
  for (const name of await namesOf(call, request)) {
    if (room === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    const view = await viewOrRefusal(call, name);
    if ('code' in view) {
      // Who asked for all topics did not ask for this one, which is gone by now.
      if (request.topics.length > 0) topics.push(refused(name, view));
      continue;
    }
    const from = name === cursor?.topicName ? cursor.partitionIndex : 0;
    const described = describe(call, view, { from, room });
    topics.push(described);
    room -= described.partitions.length;
    const end = from + described.partitions.length;
    if (end < view.partitions) return { topics, nextCursor: { topicName: name, partitionIndex: end } };
  }
  return { topics };
}

/** Those from the cursor on. */
async function namesOf(call: Call, { topics, cursor }: Request): Promise<string[]> {
  const names =
    topics.length > 0
      ? topics.map(({ name }) => name)
      : [...(await call.gateway.broker.groups.topics({ fresh: true })).keys()].filter((name) => canSee(call, name));
  const first = cursor?.topicName ?? '';
  return [...new Set(names)].filter((name) => name >= first).sort();
}

function checkCursor({ topics, cursor }: Request): void {
  if (cursor === null) return;
  if (cursor.partitionIndex < 0) {
    throw new MillraceError('INVALID_REQUEST', `The cursor's partition ${cursor.partitionIndex} is none.`);
  }
  if (topics.length > 0 && !topics.some(({ name }) => name === cursor.topicName)) {
    throw new MillraceError('INVALID_REQUEST', "The cursor's topic is none of the request's.");
  }
}

async function viewOrRefusal(call: Call, name: string): Promise<TopicView | Failure> {
  if (!canSee(call, name)) return topicDenied(name);
  try {
    checkTopicName(name);
    return (await viewOrNone(call, name)) ?? UNKNOWN_TOPIC;
  } catch (error) {
    return failureOf(error);
  }
}

function describe(call: Call, view: TopicView, { from, room }: { from: number; room: number }): TopicResponse {
  const count = Math.max(0, Math.min(room, view.partitions - from));
  return {
    errorCode: NONE,
    name: view.name,
    topicId: view.topicId,
    isInternal: view.isInternal,
    partitions: Array.from({ length: count }, (_, index) => ({
      errorCode: NONE,
      partitionIndex: from + index,
      ...view.partitionAt(from + index),
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: topicOperations(call, view.name),
  };
}

function refused(name: string, { code }: Failure): TopicResponse {
  return { errorCode: code, name, topicId: ZERO_UUID, isInternal: isInternal(name), partitions: [] };
}
