/** Creates a consumer instance, and clears away old ones of its group. */
import {
  type ConsumerInstance,
  type InstanceId,
  type InstanceSettings,
  planInstance,
} from '../../coordination/groups/instance-item.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Broker } from '../broker.ts';
import { listGroup } from '../groups/group-directory.ts';
import { decideAgain } from '../write-attempts.ts';
import { clearOldInstances } from './clear-old-instances.ts';
import { isOver, newWriter, storedInstance } from './store.ts';

export interface CreateInstanceRequest {
  group: string;
  /** One by chance where absent. */
  name?: string;
  settings: InstanceSettings;
}

export type CreateInstanceResult = { outcome: 'created'; name: string } | { outcome: 'taken'; name: string };

/** Throws `INVALID_GROUP_ID`, or `INVALID_REQUEST` for a name that none can have. */
export async function createInstance(
  broker: Broker,
  { group, name: wanted, settings }: CreateInstanceRequest,
): Promise<CreateInstanceResult> {
  checkGroupId(group);
  const writer = newWriter(broker);
  const name = wanted ?? `millrace-consumer-${writer}`;
  checkName(name);
  // So that it is found when nobody uses it any more.
  await listGroup(broker, group);
  await clearOldInstances(broker, group, { pagesMax: 1 });
  const id: InstanceId = { group, name };
  return decideAgain<CreateInstanceResult>('creation of a consumer instance', async () => {
    const nowMs = broker.clock.now();
    const present = await storedInstance(broker, id);
    if (present?.writer === writer) return { done: { outcome: 'created', name } };
    if (present !== undefined && !isOver(present, nowMs)) return { done: { outcome: 'taken', name } };
    const version = (present?.version ?? 0) + 1;
    const next: ConsumerInstance = { ...settings, version, writer, usedMs: nowMs, from: { source: 'nothing' } };
    const written = await broker.metadata.write([planInstance(id, next, present)]);
    return written.outcome === 'refused' ? 'again' : { done: { outcome: 'created', name } };
  });
}

function checkName(name: string): void {
  const isPlain = name !== '' && name.length <= groupLimits.instanceNameLengthMax && name.isWellFormed();
  // No URL has a segment of dots: whoever writes one means another place.
  if (isPlain && !/[\p{Cc}/]/u.test(name) && !/^\.{1,2}$/.test(name)) return;
  const detail = `name must be 1 to ${groupLimits.instanceNameLengthMax} characters, none of them a control character or "/", and not "." or "..".`;
  throw new MillraceError('INVALID_REQUEST', detail, { facts: { field: 'name' } });
}
