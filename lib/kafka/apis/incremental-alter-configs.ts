/** IncrementalAlterConfigs (KIP-339): set, reset, and lists to which entries are added or from which they are taken. */
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicConfigInput, TopicConfigName, TopicConfigOverrides } from '../../log/topic/config.ts';
import { type ConfigRow, topicConfigTable } from '../../log/topic/config-table.ts';
import type { RequestOf, ServedApi } from '../api.ts';
import { alterResources, answerOf, valueOf } from '../configs/alter-resource.ts';
import { configTypeOf, configTypes } from '../configs/config-entry.ts';

type Config = RequestOf<'IncrementalAlterConfigs'>['resources'][number]['configs'][number];

/** org.apache.kafka.clients.admin.AlterConfigOp.OpType. */
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

export const incrementalAlterConfigs: ServedApi<'IncrementalAlterConfigs'> = {
  lowest: 0,
  highest: 1,
  handle: async (call, request) => ({ responses: await alterResources(call, request, increment) }),
  failed: (_call, { resources }, failure) => ({ responses: resources.map((resource) => answerOf(resource, failure)) }),
};

/**
 * What is reset and not set needs nothing, whatever its name, as in Kafka: MirrorMaker 2 resets all that its source has
 * by default, which may be unknown here.
 */
function increment(configs: readonly Config[], overrides: TopicConfigOverrides): TopicConfigInput {
  const toDo = configs.filter(
    ({ name, configOperation }) => configOperation !== DELETE || Object.hasOwn(overrides, name),
  );
  return Object.fromEntries(toDo.map((config) => [config.name, incremented(config, overrides)]));
}

/** `null`: back to the default. */
function incremented(config: Config, overrides: TopicConfigOverrides): string | null {
  const { configOperation } = config;
  switch (configOperation) {
    case SET:
      return valueOf(config);
    case DELETE:
      return null;
    case APPEND:
    case SUBTRACT:
      return changedList(config, overrides);
    default:
      throw new MillraceError('INVALID_REQUEST', `There is no kind ${configOperation} of alterations.`);
  }
}

function changedList(config: Config, overrides: TopicConfigOverrides): string {
  const { name } = config;
  const row: ConfigRow | undefined = Object.hasOwn(topicConfigTable, name)
    ? topicConfigTable[name as TopicConfigName]
    : undefined;
  if (row === undefined || configTypeOf(row) !== configTypes.list) {
    throw new MillraceError('INVALID_CONFIG', `The config ${name} is no list that could be added to or taken from.`);
  }
  const present = entriesOf(Object.hasOwn(overrides, name) ? (overrides[name] as string) : row.default);
  const given = entriesOf(valueOf(config));
  const changed = config.configOperation === APPEND ? [...present, ...given] : without(present, given);
  return [...new Set(changed)].join(',');
}

function without(present: readonly string[], taken: readonly string[]): string[] {
  const gone = new Set(taken);
  return present.filter((entry) => !gone.has(entry));
}

function entriesOf(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
