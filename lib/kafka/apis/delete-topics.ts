/** DeleteTopics, by name or by id (KIP-516). Ids are no secret, names of topics that one may not see are. */
import { deleteTopic } from '../../broker/topics/delete-topic.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { canSee, isAllowed, topicDenied } from '../authorization/authorization.ts';
import { ZERO_UUID } from '../codec/reader.ts';
import { type Failure, failureOf, failureWith, NONE, UNKNOWN_TOPIC_ID } from '../failures.ts';
import { namedTwice } from '../fields/named-twice.ts';
import { mapInTurns } from '../map-in-turns.ts';

type Request = RequestOf<'DeleteTopics'>;
type Target = Request['topics'][number];
type Result = ResponseOf<'DeleteTopics'>['responses'][number];

const BY_ID_FROM = 6;

export const deleteTopics: ServedApi<'DeleteTopics'> = {
  lowest: 1,
  highest: 6,
  handle,
  failed: (call, request, failure) => ({
    responses: targetsOf(call, request).map((target) => resultOf(target, failure)),
  }),
};

function targetsOf({ version }: Call, { topics, topicNames }: Request): readonly Target[] {
  return version >= BY_ID_FROM ? topics : topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
}

async function handle(call: Call, request: Request): Promise<ResponseOf<'DeleteTopics'>> {
  const { once, twice } = namedTwice(targetsOf(call, request), ({ name, topicId }) => `${topicId} ${name}`);
  const deleted = await mapInTurns(call, once, async (target) => {
    try {
      return await deleteOne(call, target);
    } catch (error) {
      return resultOf(target, failureOf(error));
    }
  });
  const failure = failureWith('INVALID_REQUEST', 'The request names the topic twice.');
  return { responses: [...deleted, ...twice.map((target) => resultOf(target, failure))] };
}

async function deleteOne(call: Call, target: Target): Promise<Result> {
  if (target.name === null) return deleteById(call, target.topicId);
  if (target.topicId !== ZERO_UUID)
    return resultOf(target, failureWith('INVALID_REQUEST', 'Both a name and an id of the topic are given.'));
  return deleteByName(call, target.name, target);
}

async function deleteById(call: Call, topicId: string): Promise<Result> {
  const target = { name: null, topicId };
  if (topicId === ZERO_UUID)
    return resultOf(target, failureWith('INVALID_REQUEST', 'Neither a name nor an id of the topic is given.'));
  const name = await call.gateway.topicNames.nameOf(topicId);
  if (name === undefined) {
    return resultOf(target, UNKNOWN_TOPIC_ID);
  }
  return deleteByName(call, name, { name: canSee(call, name) ? name : null, topicId });
}

async function deleteByName(call: Call, name: string, answered: Target): Promise<Result> {
  if (!isAllowed(call, 'admin', name)) return resultOf(answered, topicDenied(answered.name ?? 'with this id'));
  // The name may be another topic's by now.
  await deleteTopic(call.gateway.broker, name, answered.topicId === ZERO_UUID ? undefined : answered.topicId);
  return resultOf(answered, undefined);
}

function resultOf({ name, topicId }: Target, failure: Failure | undefined): Result {
  return { name, topicId, errorCode: failure?.code ?? NONE, errorMessage: failure?.message ?? null };
}
