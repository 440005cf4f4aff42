/** The trigger as a dispatcher goes by it. */
import type { Broker } from '../broker/broker.ts';
import { findTrigger } from '../broker/triggers/find-trigger.ts';
import { readyTrigger } from '../coordination/triggers/trigger-item.ts';
import type { StoredTrigger } from './ports.ts';

/**
 * Strongly; nothing while it is being made or deleted. One that is made anew under its name counts its versions from 1
 * again.
 */
export async function readStoredTrigger(broker: Broker, name: string): Promise<StoredTrigger | undefined> {
  const found = await findTrigger(broker, name);
  if (found?.phase !== 'ready') return undefined;
  return { trigger: found.trigger, version: `${found.nonce}/${found.version}`, guard: readyTrigger(found) };
}
