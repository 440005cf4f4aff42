/** DeleteShareGroupOffsets: forgets what a share group without members has done with topics. */
import { deleteShareOffsets } from '../../broker/share-groups/share-offsets.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed, topicDenied } from '../authorization/authorization.ts';
import { ZERO_UUID } from '../codec/reader.ts';
import { type Failure, NONE, UNKNOWN_TOPIC } from '../failures.ts';
import { eachOnce } from '../fields/each-once.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';
import { handOnInTurns } from '../map-in-turns.ts';

type Request = RequestOf<'DeleteShareGroupOffsets'>;
type Response = ResponseOf<'DeleteShareGroupOffsets'>;

export const deleteShareGroupOffsets: ServedApi<'DeleteShareGroupOffsets'> = {
  lowest: 0,
  highest: 0,
  handle,
  failed: (_call, _request, failure) => refused(toldOfGroup(failure)),
};

async function handle(call: Call, { groupId: group, topics }: Request): Promise<Response> {
  const denied = refusedGroup(call, group);
  if (denied !== undefined) return refused(denied);
  const names = eachOnce(topics, ({ topicName }) => topicName).map(({ topicName }) => topicName);
  const allowed = names.filter((name) => isAllowed(call, 'consume', name));
  const deleted = await handOnInTurns(call, allowed, (some) =>
    deleteShareOffsets(call.gateway.broker, { group, topics: some }),
  );
  const found = new Map(allowed.map((name, at) => [name, deleted[at]]));
  return {
    errorCode: NONE,
    responses: names.map((topicName) => {
      const topic = found.get(topicName);
      if (topic !== undefined) return { topicName, topicId: topic.topicId, errorCode: NONE };
      const { code, message } = found.has(topicName) ? UNKNOWN_TOPIC : topicDenied(topicName);
      return { topicName, topicId: ZERO_UUID, errorCode: code, errorMessage: message };
    }),
  };
}

function refused({ code, message }: Failure): Response {
  return { errorCode: code, errorMessage: message, responses: [] };
}
