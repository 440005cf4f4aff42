/** The configs of a topic as clients see them: all there are, those that were not set with their defaults. */
import { TOPIC_CONFIG_NAMES, type TopicConfigName, type TopicConfigOverrides } from '../../log/topic/config.ts';
import { type ConfigRow, topicConfigTable } from '../../log/topic/config-table.ts';
import { brokerSynonyms } from './broker-synonyms.ts';
import { type ConfigEntry, configSources, configTypeOf } from './config-entry.ts';

export function topicConfigEntries(overrides: TopicConfigOverrides): ConfigEntry[] {
  return TOPIC_CONFIG_NAMES.map((name) => entry(name, overrides));
}

function entry(name: TopicConfigName, overrides: TopicConfigOverrides): ConfigEntry {
  const row: ConfigRow = topicConfigTable[name];
  const override = Object.hasOwn(overrides, name) ? overrides[name] : undefined;
  const own = override === undefined ? [] : [{ name, value: override, source: configSources.topic }];
  const defaults = brokerSynonyms(name)
    .filter(({ value }) => value !== null)
    .map((synonym) => ({ name: synonym.name, value: synonym.value, source: configSources.default }));
  return {
    name,
    value: override ?? row.default,
    readOnly: row.fixed === true,
    configSource: override === undefined ? configSources.default : configSources.topic,
    isSensitive: false,
    synonyms: [...own, ...defaults],
    configType: configTypeOf(row),
    documentation: row.about,
  };
}
