/** The configs of a share group as clients see them. */
import {
  GROUP_CONFIG_DEFAULTS,
  GROUP_CONFIG_NAMES,
  type GroupConfigName,
  type GroupConfigOverrides,
} from '../../coordination/share-groups/group-config.ts';
import { type ConfigEntry, configSources, configTypes } from './config-entry.ts';

const ABOUT: Readonly<Record<GroupConfigName, string>> = {
  'share.auto.offset.reset':
    'Where the group begins with a partition: latest, earliest, or by_duration: and a duration of ISO 8601.',
  'share.delivery.count.limit': 'How often a record is delivered at most.',
  'share.heartbeat.interval.ms': 'How often members of the share group heartbeat.',
  'share.isolation.level': 'Both levels mean the same: the log has no records of transactions that are not committed.',
  'share.partition.max.record.locks':
    'How many records of a partition are acquired, or to be delivered again, at most.',
  'share.record.lock.duration.ms': 'For how long a record that was delivered is nobody else’s.',
  'share.session.timeout.ms': 'After how long without a heartbeat a member of the share group is removed.',
};

/** The others are numbers. */
const TEXTS: ReadonlySet<GroupConfigName> = new Set(['share.auto.offset.reset', 'share.isolation.level']);

export function groupConfigEntries(overrides: GroupConfigOverrides): ConfigEntry[] {
  return GROUP_CONFIG_NAMES.map((name) => {
    const own = overrides[name];
    const value = GROUP_CONFIG_DEFAULTS[name];
    const isSet = own !== undefined;
    const synonym = { name, value: own ?? value, source: configSources.group };
    return {
      name,
      value: own ?? value,
      readOnly: false,
      configSource: isSet ? configSources.group : configSources.default,
      isSensitive: false,
      synonyms: isSet ? [synonym] : [],
      configType: TEXTS.has(name) ? configTypes.string : configTypes.int,
      documentation: ABOUT[name],
    };
  });
}
