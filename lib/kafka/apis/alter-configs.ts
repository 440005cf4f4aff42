/** AlterConfigs, as it was before IncrementalAlterConfigs: what is not named goes back to its default. */
import { isGroupConfigName } from '../../coordination/share-groups/group-config.ts';
import type { TopicConfigInput, TopicConfigName, TopicConfigOverrides } from '../../log/topic/config.ts';
import { type ConfigRow, topicConfigTable } from '../../log/topic/config-table.ts';
import type { ServedApi } from '../api.ts';
import { type AlteredConfig, alterResources, answerOf, valueOf } from '../configs/alter-resource.ts';

export const alterConfigs: ServedApi<'AlterConfigs'> = {
  lowest: 0,
  highest: 2,
  handle: async (call, request) => ({ responses: await alterResources(call, request, replacement) }),
  failed: (_call, { resources }, failure) => ({ responses: resources.map((resource) => answerOf(resource, failure)) }),
};

function replacement(configs: readonly AlteredConfig[], overrides: TopicConfigOverrides): TopicConfigInput {
  return Object.fromEntries([
    ...Object.keys(overrides)
      .filter(isResettable)
      .map((name) => [name, null] as const),
    ...configs.map((config) => [config.name, valueOf(config)] as const),
  ]);
}

/** What is set at creation only stays where it is not named, as does what only a newer version knows. */
function isResettable(name: string): boolean {
  const row: ConfigRow | undefined = topicConfigTable[name as TopicConfigName];
  return isGroupConfigName(name) || (row !== undefined && row.fixed !== true);
}
