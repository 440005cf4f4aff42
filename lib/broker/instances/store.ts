/**
 * Consumer instances in the metadata store. Every change is a conditional write of the whole item, made from the one
 * that was read: of two requests of an instance at the same time, one is decided again, or finds that it was overtaken.
 */
import {
  type ConsumerInstance,
  decodeInstance,
  type InstanceId,
  instanceKey,
  planInstance,
} from '../../coordination/groups/instance-item.ts';
import { toHex } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';

export type InstanceChange = Partial<Pick<ConsumerInstance, 'from'>>;

/** As it is stored, also where its time is over. */
export async function storedInstance(broker: Broker, id: InstanceId): Promise<ConsumerInstance | undefined> {
  const attributes = await broker.metadata.get(instanceKey(id), 'strong');
  return attributes && decodeInstance(attributes);
}

export function isOver({ usedMs }: ConsumerInstance, nowMs: number): boolean {
  return nowMs - usedMs > groupLimits.instanceTimeoutMs;
}

/** Throws `NOT_FOUND`, also where its time is over. */
export async function readInstance(broker: Broker, id: InstanceId): Promise<ConsumerInstance> {
  const found = await storedInstance(broker, id);
  if (found !== undefined && !isOver(found, broker.clock.now())) return found;
  const minutes = groupLimits.instanceTimeoutMs / 60_000;
  throw new MillraceError(
    'NOT_FOUND',
    `The group has no such consumer instance; one that is not used for ${minutes} minutes is gone.`,
  );
}

export function newWriter({ random }: Broker): string {
  return toHex(random.bytes(8));
}

/** The instance as it is then; `undefined` where another request was faster, and nothing has changed. */
export async function saveInstance(
  broker: Broker,
  id: InstanceId,
  before: ConsumerInstance,
  change: InstanceChange,
): Promise<ConsumerInstance | undefined> {
  const next: ConsumerInstance = {
    ...before,
    ...change,
    version: before.version + 1,
    writer: newWriter(broker),
    usedMs: broker.clock.now(),
  };
  return decideAgain('change of a consumer instance', async () => {
    const { outcome } = await broker.metadata.write([planInstance(id, next, before)]);
    if (outcome === 'applied') return { done: next };
    // An attempt before may have been applied, and its answer lost.
    const found = await storedInstance(broker, id);
    return { done: found?.writer === next.writer ? next : undefined };
  });
}

export type ChangeDecision<T> = { result: T; change?: InstanceChange };

/** Reads, decides and writes, again where another request was faster. Throws `NOT_FOUND`. */
export async function changeInstance<T>(
  broker: Broker,
  id: InstanceId,
  decide: (instance: ConsumerInstance) => ChangeDecision<T> | Promise<ChangeDecision<T>>,
): Promise<T> {
  return decideAgain('change of a consumer instance', async () => {
    const instance = await readInstance(broker, id);
    const { result, change } = await decide(instance);
    if (change === undefined) return { done: result };
    return (await saveInstance(broker, id, instance, change)) === undefined ? 'again' : { done: result };
  });
}

/** Notes that the instance is in use, every now and then. That it fails to means that others use it. */
export async function touchInstance(broker: Broker, id: InstanceId, instance: ConsumerInstance): Promise<void> {
  if (broker.clock.now() - instance.usedMs < groupLimits.instanceTouchMs) return;
  await saveInstance(broker, id, instance, {});
}
