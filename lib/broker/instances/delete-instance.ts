/** Deletes a consumer instance. Its partitions are free at once. */
import { type InstanceId, planInstanceRemoval } from '../../coordination/groups/instance-item.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';
import { leaveSource } from './leave-source.ts';
import { readInstance, storedInstance } from './store.ts';

/** Throws `NOT_FOUND`. */
export async function deleteInstance(broker: Broker, id: InstanceId): Promise<void> {
  await readInstance(broker, id);
  return decideAgain('deletion of a consumer instance', async () => {
    // Gone meanwhile: by an attempt before, or by another request.
    const instance = await storedInstance(broker, id);
    if (instance === undefined) return { done: undefined };
    await leaveSource(broker, id, instance);
    const { outcome } = await broker.metadata.write([planInstanceRemoval(id, instance)]);
    return outcome === 'refused' ? 'again' : { done: undefined };
  });
}
