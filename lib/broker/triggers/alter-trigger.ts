/** Changes a trigger, pauses it (`enabled: false`: it holds its place) and lets it go on. */
import { changedTrigger, type TriggerChanges } from '../../coordination/triggers/check-trigger.ts';
import { encodeTrigger, planTriggerChange, type TriggerRecord } from '../../coordination/triggers/trigger-item.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';
import { requireTopics } from './create-trigger.ts';
import { getTrigger, noSuchTrigger, topicsOfTrigger } from './find-trigger.ts';
import { requireAllowed, type TargetPolicy } from './target-policy.ts';
import { wakeTopics } from './wake.ts';

/**
 * Throws `NOT_FOUND` and what the creation throws for values that are not allowed. What is under way ends as it began.
 */
export async function alterTrigger(
  broker: Broker,
  policy: TargetPolicy,
  name: string,
  changes: TriggerChanges,
): Promise<TriggerRecord> {
  const altered = await decideAgain(`change of the trigger "${name}"`, async () => {
    const record = await getTrigger(broker, name);
    if (record.phase === 'deleting') throw noSuchTrigger(name);
    const trigger = changedTrigger(record.trigger, changes);
    if (changes.onFailure !== undefined) await requireTopics(broker, trigger);
    if (changes.onFailure !== undefined || changes.target !== undefined) await requireAllowed(policy, trigger);
    if (isSame(record, { ...record, trigger })) return { done: record };
    const written = await broker.metadata.write([planTriggerChange(record, { ...record, trigger })]);
    broker.triggers.forget();
    if (written.outcome === 'refused') return 'again';
    return { done: { ...record, trigger, version: record.version + 1 } };
  });
  // Also where it was enabled already: an attempt before this one may have done it and told nobody.
  if (changes.enabled === true)
    await wakeTopics(broker, await topicsOfTrigger(broker, altered.trigger, { fresh: true }));
  return altered;
}

function isSame(a: TriggerRecord, b: TriggerRecord): boolean {
  return JSON.stringify(encodeTrigger(a)) === JSON.stringify(encodeTrigger(b));
}
