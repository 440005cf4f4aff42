/** Topics as requests ask for them: by name or, from some version on, by id. */
import type { Call } from '../api.ts';
import { isAllowed, topicDenied } from '../authorization/authorization.ts';
import { type Failure, UNKNOWN_TOPIC_ID } from '../failures.ts';

/** `undefined`: no topic has the id. `idsFrom`: the version from which on requests have ids. */
export async function nameAsked(
  { gateway, version }: Call,
  { name, topicId }: { name: string; topicId: string },
  { idsFrom }: { idsFrom: number },
): Promise<string | undefined> {
  return version >= idsFrom ? gateway.topicNames.nameOf(topicId) : name;
}

/** Why the caller is told nothing of the topic's records or offsets; `undefined` where it may read them. */
export function refusedReading(call: Call, name: string | undefined): Failure | undefined {
  if (name === undefined) return UNKNOWN_TOPIC_ID;
  return isAllowed(call, 'consume', name) ? undefined : topicDenied(name);
}
