/** CreatePartitions: topics grow, each with its own outcome. */
import { alterTopic } from '../../broker/topics/alter-topic.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed, topicDenied } from '../authorization/authorization.ts';
import { type Failure, failureOf, failureWith, NONE, wireCodes } from '../failures.ts';
import { namedTwice } from '../fields/named-twice.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { assignedReplicas } from '../topics/replica-assignments.ts';

type Request = RequestOf<'CreatePartitions'>;
type GrownTopic = Request['topics'][number];
type Result = ResponseOf<'CreatePartitions'>['results'][number];

export const createPartitions: ServedApi<'CreatePartitions'> = {
  lowest: 0,
  highest: 3,
  handle,
  failed: (_call, { topics }, failure) => ({ results: topics.map(({ name }) => resultOf(name, failure)) }),
};

async function handle(call: Call, { topics, validateOnly }: Request): Promise<ResponseOf<'CreatePartitions'>> {
  const { once, twice } = namedTwice(topics, ({ name }) => name);
  const grown = await mapInTurns(call, once, async (topic) =>
    resultOf(topic.name, await grow(call, topic, validateOnly)),
  );
  const failure = failureWith('INVALID_REQUEST', 'The request names the topic twice.');
  return { results: [...grown, ...twice.map(({ name }) => resultOf(name, failure))] };
}

/** `undefined` where it is done. */
async function grow(
  call: Call,
  { name, count, assignments }: GrownTopic,
  validateOnly: boolean,
): Promise<Failure | undefined> {
  if (!isAllowed(call, 'admin', name)) return topicDenied(name);
  const { broker } = call.gateway;
  try {
    const { partitions, replicationFactor } = await broker.topics.getFresh(name);
    const refusal = assignments && refusalOf(call, assignments, { added: count - partitions, replicationFactor });
    if (refusal) return refusal;
    await alterTopic(broker, name, { partitions: count, mustGrow: true, validateOnly });
    return undefined;
  } catch (error) {
    return failureOf(error);
  }
}

function refusalOf(
  call: Call,
  assignments: NonNullable<GrownTopic['assignments']>,
  { added, replicationFactor }: { added: number; replicationFactor: number },
): Failure | undefined {
  // That the topic would not grow is the better reason.
  if (added <= 0) return undefined;
  const refuse = (message: string) => ({ code: wireCodes.INVALID_REPLICA_ASSIGNMENT, message });
  if (assignments.length !== added) {
    return refuse(`${added} partitions would be added, and ${assignments.length} are assigned.`);
  }
  const replicas = assignedReplicas(
    call,
    assignments.map(({ brokerIds }) => brokerIds),
  );
  if (typeof replicas !== 'number') return replicas;
  if (replicas === replicationFactor) return undefined;
  return refuse(`The topic has ${replicationFactor} replicas of each partition, and ${replicas} are assigned.`);
}

function resultOf(name: string, failure: Failure | undefined): Result {
  return { name, errorCode: failure?.code ?? NONE, errorMessage: failure?.message ?? null };
}
