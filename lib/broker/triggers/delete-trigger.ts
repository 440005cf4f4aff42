/**
 * Deletes a trigger: first nothing more is delivered, then `wake` goes from topics that have no other trigger, and the
 * leases; then the name and the group are free. The group keeps its offsets.
 */
import { planTriggerChange } from '../../coordination/triggers/trigger-item.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';
import { findTrigger, noSuchTrigger } from './find-trigger.ts';
import { finishDeletion } from './finish-trigger.ts';

/** Throws `NOT_FOUND`. A function that is running is left to end; what it was given is not committed. */
export async function deleteTrigger(broker: Broker, name: string): Promise<void> {
  let target: string | undefined;
  await decideAgain<undefined>(`deletion of the trigger "${name}"`, async () => {
    const record = await findTrigger(broker, name);
    // The one that this call set out to delete is gone, whoever finished it; another of its name is not its concern.
    if (target !== undefined && record?.nonce !== target) return { done: undefined };
    if (record === undefined) throw noSuchTrigger(name);
    target = record.nonce;
    if (record.phase !== 'deleting') {
      await broker.metadata.write([planTriggerChange(record, { ...record, phase: 'deleting' })]);
      broker.triggers.forget();
      return 'again';
    }
    await finishDeletion(broker, record);
    return { done: undefined };
  });
}
