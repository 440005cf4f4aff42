/** Reads and changes the configs of a share group (Kafka: of the resource GROUP). There need not be such a group. */
import {
  decodeGroupConfig,
  faultIn,
  type GroupConfigOverrides,
  groupConfigKey,
  isGroupConfigName,
} from '../../coordination/share-groups/group-config.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Attributes } from '../../kernel/items.ts';
import type { Broker } from '../broker.ts';
import { writeRepeatedly } from '../write-attempts.ts';

/** Those that were set. */
export async function readGroupConfig({ metadata }: Broker, group: string): Promise<GroupConfigOverrides> {
  return decodeGroupConfig((await metadata.get(groupConfigKey(group), 'strong')) ?? {});
}

export interface GroupConfigChange {
  /** From those that were set; `null`: back to the default. */
  change: (overrides: Readonly<Record<string, string>>) => Readonly<Record<string, string | number | boolean | null>>;
  validateOnly: boolean;
}

/**
 * Each config is a bound of its own, so that changes of different ones may meet, and of several of the same the last
 * one counts. Throws `INVALID_CONFIG`.
 */
export async function alterGroupConfig(
  broker: Broker,
  group: string,
  { change, validateOnly }: GroupConfigChange,
): Promise<void> {
  checkGroupId(group);
  const overrides = await readGroupConfig(broker, group);
  const set: Attributes = {};
  const remove: string[] = [];
  for (const [name, value] of Object.entries(change(Object.fromEntries(Object.entries(overrides))))) {
    if (!isGroupConfigName(name)) throw new MillraceError('INVALID_CONFIG', `Groups have no config ${name}.`);
    if (value === null) remove.push(name);
    else set[name] = String(value);
  }
  const fault = faultIn(decodeGroupConfig(set));
  if (fault !== undefined) throw new MillraceError('INVALID_CONFIG', `The config ${fault}.`);
  if (validateOnly || (Object.keys(set).length === 0 && remove.length === 0)) return;
  await writeRepeatedly(broker.metadata, [
    { kind: 'update', key: groupConfigKey(group), changes: { set, ...(remove.length > 0 && { remove }) } },
  ]);
  broker.shares.forgetConfig(group);
}
