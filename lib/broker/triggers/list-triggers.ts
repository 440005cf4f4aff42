/** The triggers in the order of their names, a page at a time, also those that are being created or deleted. */
import { decodeTrigger, TRIGGER_DIRECTORY, type TriggerRecord } from '../../coordination/triggers/trigger-item.ts';
import type { Broker } from '../broker.ts';
import { type PageRequest, readDirectory } from '../read-directory.ts';

export interface ListTriggersResult {
  triggers: TriggerRecord[];
  /** The cursor of the next page; absent at the end. */
  next?: string;
}

/** Throws `INVALID_REQUEST` for a limit out of range or a cursor that is none. */
export async function listTriggers(broker: Broker, request: PageRequest = {}): Promise<ListTriggersResult> {
  const { entries, next } = await readDirectory(broker.metadata, TRIGGER_DIRECTORY, request, decodeTrigger);
  return next === undefined ? { triggers: entries } : { triggers: entries, next };
}
