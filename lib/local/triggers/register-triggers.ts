/**
 * Makes the store's triggers with local handlers those of the file. One that is gone from the file is deleted, since
 * nobody can run it any more; its group keeps its offsets, so that it goes on where it was when it comes back. The same
 * holds where a change is none that a trigger can have: it is made anew. Triggers of functions in AWS are left alone.
 */
import type { Broker } from '../../broker/broker.ts';
import { topicOrNone } from '../../broker/groups/topic-directory.ts';
import { createTopic } from '../../broker/topics/create-topic.ts';
import { alterTrigger } from '../../broker/triggers/alter-trigger.ts';
import { createTrigger } from '../../broker/triggers/create-trigger.ts';
import { deleteTrigger } from '../../broker/triggers/delete-trigger.ts';
import type { TargetPolicy } from '../../broker/triggers/target-policy.ts';
import { newTrigger, type TriggerInput } from '../../coordination/triggers/check-trigger.ts';
import type { Trigger } from '../../coordination/triggers/trigger.ts';
import type { TriggerRecord } from '../../coordination/triggers/trigger-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Logger } from '../logger.ts';
import { OptionsError } from '../settings.ts';

export interface RegisterTriggers {
  broker: Broker;
  policy: TargetPolicy;
  log: Logger;
  /** For messages. */
  file: string;
  triggers: readonly TriggerInput[];
}

/** Throws `OptionsError` where a trigger cannot be, and storage errors. */
export async function registerTriggers(request: RegisterTriggers): Promise<void> {
  const { broker, log, file, triggers } = request;
  const stored = new Map((await broker.triggers.listFresh()).map((record) => [record.trigger.name, record]));
  const names = new Set(triggers.map(({ name }) => name));
  for (const { trigger } of stored.values()) {
    if (names.has(trigger.name) || !isLocal(trigger)) continue;
    await deleteTrigger(broker, trigger.name);
    log.info('A trigger that is not in the file any more was deleted', { trigger: trigger.name });
  }
  for (const input of triggers) {
    try {
      await register(request, input, stored.get(input.name));
    } catch (error) {
      if (!(error instanceof MillraceError) || error.retriable) throw error;
      throw new OptionsError(`${file}: trigger "${input.name}": ${error.message}`, { cause: error });
    }
  }
}

/** Whether it runs in a local server, not in AWS. */
export function isLocal({ target }: Pick<Trigger, 'target'>): boolean {
  return !target.startsWith('arn:');
}

async function register(
  { broker, policy, log }: RegisterTriggers,
  input: TriggerInput,
  before: TriggerRecord | undefined,
): Promise<void> {
  const trigger = newTrigger(input);
  await createTopics(broker, trigger, log);
  if (before !== undefined && !isLocal(before.trigger)) {
    const detail = `There is a trigger of this name already, whose target is ${before.trigger.target}.`;
    throw new MillraceError('TRIGGER_ALREADY_EXISTS', detail);
  }
  if (before?.phase === 'ready' && sameForEver(before.trigger, trigger)) {
    // What cannot be changed is not among the changes.
    const { name: _, topics: __, group: ___, startingPosition: ____, onFailure, tenantId, ...settings } = trigger;
    const changes = { ...settings, onFailure: onFailure ?? null, tenantId: tenantId ?? null };
    await alterTrigger(broker, policy, trigger.name, changes);
    return;
  }
  if (before !== undefined) await deleteTrigger(broker, trigger.name);
  await createTrigger(broker, policy, input);
}

/** Where it cannot be changed. The starting position is not asked for: what it says was settled. */
function sameForEver(a: Trigger, b: Trigger): boolean {
  return a.group === b.group && JSON.stringify(a.topics) === JSON.stringify(b.topics);
}

/** A server whose data is in memory has none at its start, and there is no trigger without its topics. */
async function createTopics(broker: Broker, { topics, onFailure }: Trigger, log: Logger): Promise<void> {
  const names = 'names' in topics ? [...topics.names] : [];
  if (onFailure?.kind === 'topic') names.push(onFailure.topic);
  for (const name of names) {
    if ((await topicOrNone(broker, name, { fresh: true })) !== undefined) continue;
    const { partitions } = await createTopic(broker, { name });
    log.info('A topic that a trigger names was created', { topic: name, partitions });
  }
}
