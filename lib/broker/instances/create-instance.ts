/** Creates a consumer instance, and clears away old ones of its group. */
import {
  type ConsumerInstance,
  decodeInstance,
  type InstanceId,
  type InstanceSettings,
  instancesOf,
  planInstance,
  planInstanceRemoval,
} from '../../coordination/groups/instance-item.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';
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
  await clearOld(broker, group);
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
  const isPlain = name !== '' && name.length <= limits.instanceNameLengthMax && name.isWellFormed();
  if (isPlain && !/[\p{Cc}/]/u.test(name)) return;
  const detail = `name must be 1 to ${limits.instanceNameLengthMax} characters, none of them a control character or "/".`;
  throw new MillraceError('INVALID_REQUEST', detail, { facts: { field: 'name' } });
}

/** Whose client went away without a word. Their members go by themselves when their session is over. */
async function clearOld({ metadata, clock }: Broker, group: string): Promise<void> {
  const { items } = await metadata.query({
    pk: instancesOf(group),
    limit: limits.instancesSweptMax,
    consistency: 'eventual',
  });
  const nowMs = clock.now();
  const old = items.flatMap(({ key, attributes }) => {
    const instance = decodeInstance(attributes);
    return isOver(instance, nowMs) ? [planInstanceRemoval({ group, name: key.sk }, instance)] : [];
  });
  await mapBounded(old, limits.storageFanOutMax, (removal) => metadata.write([removal]));
}
