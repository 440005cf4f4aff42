/** Triggers by name, and the topics that they have. */
import { checkName } from '../../coordination/triggers/check-trigger.ts';
import type { Trigger } from '../../coordination/triggers/trigger.ts';
import { decodeTrigger, type TriggerRecord, triggerKey } from '../../coordination/triggers/trigger-item.ts';
import { topicMatcher } from '../../coordination/triggers/trigger-topics.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { topicOrNone } from '../groups/topic-directory.ts';

/** Strongly; also one that is being created or deleted. */
export async function findTrigger({ metadata }: Broker, name: string): Promise<TriggerRecord | undefined> {
  checkName(name);
  const attributes = await metadata.get(triggerKey(name), 'strong');
  return attributes && decodeTrigger(name, attributes);
}

/** Throws `NOT_FOUND`. */
export async function getTrigger(broker: Broker, name: string): Promise<TriggerRecord> {
  const found = await findTrigger(broker, name);
  if (found === undefined) throw noSuchTrigger(name);
  return found;
}

export function noSuchTrigger(name: string): MillraceError {
  return new MillraceError('NOT_FOUND', `There is no trigger "${name}".`);
}

/** Those that there are now. */
export async function topicsOfTrigger(
  broker: Broker,
  { topics }: Pick<Trigger, 'topics'>,
  how: { fresh?: boolean } = {},
): Promise<Topic[]> {
  const names =
    'names' in topics ? topics.names : [...(await broker.groups.topics(how)).keys()].filter(topicMatcher(topics));
  const found = await mapBounded(names, storageLimits.storageFanOutMax, (name) => topicOrNone(broker, name, how));
  return found.filter((topic) => topic !== undefined);
}
