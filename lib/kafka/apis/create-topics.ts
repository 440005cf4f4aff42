/**
 * CreateTopics. Topics are created side by side, each with its own outcome. A manual assignment of replicas to brokers
 * says how many partitions and replicas a topic is to have, and nothing else: brokers are virtual here.
 */
import { type CreateTopicRequest, checkNewTopic, createTopic } from '../../broker/topics/create-topic.ts';
import type { TopicDescription } from '../../broker/topics/describe-topic.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed, topicDenied } from '../authorization/authorization.ts';
import { topicConfigEntries } from '../configs/topic-configs.ts';
import { type Failure, failureOf, failureWith, NONE, wireCodes } from '../failures.ts';
import { namedTwice } from '../fields/named-twice.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { assignedReplicas } from '../topics/replica-assignments.ts';

type Request = RequestOf<'CreateTopics'>;
type NewTopic = Request['topics'][number];
type Result = ResponseOf<'CreateTopics'>['topics'][number];

const DEFAULT = -1;
/** The default where it is not asked for, as in Kafka: the object store keeps what it is given. */
const DEFAULT_REPLICATION_FACTOR = 1;
/** What the topic has become is answered from this version on (KIP-525). */
const DESCRIBED_FROM = 5;

export const createTopics: ServedApi<'CreateTopics'> = {
  lowest: 2,
  highest: 7,
  handle,
  failed: (_call, { topics }, failure) => ({ topics: topics.map(({ name }) => refused(name, failure)) }),
};

async function handle(call: Call, request: Request): Promise<ResponseOf<'CreateTopics'>> {
  const { topics, validateOnly } = request;
  const { once, twice } = namedTwice(topics, ({ name }) => name);
  if (partitionsOf(call, once) > kafkaLimits.kafkaCreatedPartitionsMax) {
    const message = `One request creates at most ${kafkaLimits.kafkaCreatedPartitionsMax} partitions.`;
    return createTopics.failed(call, request, failureWith('POLICY_VIOLATION', message));
  }
  const made = await mapInTurns(call, once, (topic) => createOne(call, topic, validateOnly));
  const failure = failureWith('INVALID_REQUEST', 'The request names the topic twice.');
  return { topics: [...made, ...twice.map(({ name }) => refused(name, failure))] };
}

async function createOne(call: Call, topic: NewTopic, validateOnly: boolean): Promise<Result> {
  const { name } = topic;
  if (!isAllowed(call, 'admin', name)) return refused(name, topicDenied(name));
  const assigned = assignedCounts(call, topic);
  if ('message' in assigned) return refused(name, assigned);
  const { broker } = call.gateway;
  try {
    const request = { name, ...assigned, config: configOf(topic) } satisfies CreateTopicRequest;
    const made = await (validateOnly ? checkNewTopic(broker, request) : createTopic(broker, request));
    return created(call, made);
  } catch (error) {
    return refused(name, failureOf(error));
  }
}

/** That the topics have together; numbers that no topic has are refused with it alone. */
function partitionsOf({ gateway }: Call, topics: readonly NewTopic[]): number {
  const counts = topics.map(({ numPartitions, assignments }) =>
    numPartitions === DEFAULT ? assignments.length || gateway.autoCreate.partitions : numPartitions,
  );
  return counts.reduce((sum, count) => sum + (count > topicLimits.partitionsPerTopicMax ? 0 : Math.max(0, count)), 0);
}

interface Counts {
  partitions: number;
  replicationFactor: number;
}

/** Whether the counts are possible here is not said yet. */
function assignedCounts(call: Call, topic: NewTopic): Counts | Failure {
  const { numPartitions, replicationFactor, assignments } = topic;
  if (assignments.length === 0) {
    return {
      partitions: numPartitions === DEFAULT ? call.gateway.autoCreate.partitions : numPartitions,
      replicationFactor: replicationFactor === DEFAULT ? DEFAULT_REPLICATION_FACTOR : replicationFactor,
    };
  }
  if (numPartitions !== DEFAULT || replicationFactor !== DEFAULT) {
    const detail = 'Where replicas are assigned to brokers, numbers of partitions and replicas are to be -1.';
    return failureWith('INVALID_REQUEST', detail);
  }
  const partitions = new Set(assignments.map(({ partitionIndex }) => partitionIndex));
  if (partitions.size < assignments.length || assignments.some((_, index) => !partitions.has(index))) {
    return { code: wireCodes.INVALID_REPLICA_ASSIGNMENT, message: 'Each partition from 0 on is to be assigned once.' };
  }
  const replicas = assignedReplicas(
    call,
    assignments.map(({ brokerIds }) => brokerIds),
  );
  return typeof replicas === 'number' ? { partitions: partitions.size, replicationFactor: replicas } : replicas;
}

function configOf({ configs }: NewTopic): Record<string, string> {
  const { twice } = namedTwice(configs, ({ name }) => name);
  if (twice.length > 0) throw new MillraceError('INVALID_REQUEST', `The config ${twice[0]?.name} is given twice.`);
  return Object.fromEntries(
    configs.map(({ name, value }) => {
      if (value === null) throw new MillraceError('INVALID_CONFIG', `The config ${name} has no value.`);
      return [name, value];
    }),
  );
}

function created(
  { version }: Call,
  { name, topicId, partitions, replicationFactor, config }: TopicDescription,
): Result {
  const result = { name, topicId, errorCode: NONE, errorMessage: null };
  if (version < DESCRIBED_FROM) return result;
  const configs = topicConfigEntries(config);
  return { ...result, numPartitions: partitions, replicationFactor, configs };
}

function refused(name: string, { code, message }: Failure): Result {
  return { name, errorCode: code, errorMessage: message };
}
