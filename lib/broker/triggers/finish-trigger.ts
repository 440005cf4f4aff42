/**
 * The second halves of making and of deleting a trigger. Whoever began does them, and the sweeper where that one has
 * crashed: every step can be repeated, and done by several at once.
 */
import { planLeaseRemoval } from '../../coordination/triggers/lease-fence.ts';
import { decodeLease, type Lease } from '../../coordination/triggers/lease-item.ts';
import {
  planTriggerChange,
  planTriggerRemoval,
  type TriggerRecord,
  unchangedTrigger,
} from '../../coordination/triggers/trigger-item.ts';
import { countDeletion } from '../../kernel/deletion-count.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { decideAgain, writeRepeatedly } from '../write-attempts.ts';
import { findTrigger, topicsOfTrigger } from './find-trigger.ts';
import { readLeases } from './read-leases.ts';
import { commitStarts } from './start-offsets.ts';
import { lullTopics, wakeTopics } from './wake.ts';

/** Under which a trigger's deletions are counted. */
export function triggerDeletionName(name: string): string {
  return `trigger#${name}`;
}

/** Answers the trigger as it is ready; `undefined` where it was deleted meanwhile. */
export async function finishCreation(
  broker: Broker,
  { trigger, nonce }: TriggerRecord,
): Promise<TriggerRecord | undefined> {
  const ready = await decideAgain('creation of the trigger', async () => {
    const record = await findTrigger(broker, trigger.name);
    if (record?.nonce !== nonce || record.phase === 'deleting') return { done: undefined };
    if (record.phase === 'ready') return { done: record };
    const topics = await topicsOfTrigger(broker, record.trigger, { fresh: true });
    if (!(await commitStarts(broker, record, topics))) return 'again';
    const written = await broker.metadata.write([planTriggerChange(record, { ...record, phase: 'ready' })]);
    broker.triggers.forget();
    if (written.outcome === 'refused') return 'again';
    return { done: { ...record, phase: 'ready' as const, version: record.version + 1 } };
  });
  // Not before it is ready: whoever is woken earlier finds nothing to do.
  if (ready !== undefined) await wakeTopics(broker, await topicsOfTrigger(broker, trigger, { fresh: true }));
  return ready;
}

/**
 * Of a trigger in the phase `deleting`. The group keeps what it has committed, as any group whose last member is gone.
 */
export async function finishDeletion(broker: Broker, record: TriggerRecord): Promise<void> {
  const { trigger } = record;
  await lullTopics(broker, await topicsOfTrigger(broker, trigger, { fresh: true }));
  await removeLeases(broker, record);
  const { name } = trigger;
  // Refused where another was faster: it is gone then, too.
  await writeRepeatedly(broker.metadata, [...planTriggerRemoval(record), countDeletion(triggerDeletionName(name))]);
  broker.triggers.forget();
}

/**
 * Nobody who holds a lease can commit any more. Each write is on the condition that the trigger is still the one that
 * is being deleted, so that who comes late takes nothing from a trigger that has the group by now.
 */
async function removeLeases(broker: Broker, record: TriggerRecord): Promise<void> {
  const { group } = record.trigger;
  const leases = await readLeases(broker, group);
  await mapBounded([...leases.values()], storageLimits.storageFanOutMax, async ({ topicId, partition, lease }) => {
    const id = { group, topicId, partition };
    let found: Lease | undefined = lease;
    await decideAgain<undefined>('removal of a lease', async () => {
      if (found === undefined) return { done: undefined };
      const written = await broker.metadata.write([
        planLeaseRemoval(id, found, broker.clock.now()),
        unchangedTrigger(record),
      ]);
      if (written.outcome === 'applied' || written.index === 1) return { done: undefined };
      found = written.item && decodeLease(written.item);
      return 'again';
    });
  });
}
