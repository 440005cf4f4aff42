/** What the two calls that alter configs have in common. Those of topics and of share groups can be altered. */

import { alterGroupConfig } from '../../broker/share-groups/alter-group-config.ts';
import { alterTopic } from '../../broker/topics/alter-topic.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicConfigInput, TopicConfigOverrides } from '../../log/topic/config.ts';
import type { Call } from '../api.ts';
import { clusterDenied, isAllowed, topicDenied } from '../authorization/authorization.ts';
import { type Failure, failureOf, failureWith, NONE } from '../failures.ts';
import { namedTwice } from '../fields/named-twice.ts';
import { groupDenied } from '../groups/group-failures.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { resourceTypes } from './config-entry.ts';

export interface AlteredConfig {
  name: string;
  value: string | null;
}

export interface AlteredResource<Config extends AlteredConfig> {
  resourceType: number;
  resourceName: string;
  configs: readonly Config[];
}

/** What becomes of the configs of a topic, or a group, from those that are set. */
export type Alteration<Config extends AlteredConfig> = (
  configs: readonly Config[],
  overrides: TopicConfigOverrides,
) => TopicConfigInput;

export interface AlteredAnswer {
  errorCode: number;
  errorMessage: string | null;
  resourceType: number;
  resourceName: string;
}

/** Each resource has its own outcome. */
export async function alterResources<Config extends AlteredConfig>(
  call: Call,
  { resources, validateOnly }: { resources: readonly AlteredResource<Config>[]; validateOnly: boolean },
  alteration: Alteration<Config>,
): Promise<AlteredAnswer[]> {
  const { once, twice } = namedTwice(resources, ({ resourceType, resourceName }) => `${resourceType} ${resourceName}`);
  const altered = await mapInTurns(call, once, async (resource) => {
    const denied = denialOf(call, resource);
    if (denied !== undefined) return answerOf(resource, denied);
    try {
      refuseOthers(resource);
      checkNamedOnce(resource.configs);
      const config = (overrides: TopicConfigOverrides) => alteration(resource.configs, overrides);
      const { broker } = call.gateway;
      if (resource.resourceType === resourceTypes.group) {
        await alterGroupConfig(broker, resource.resourceName, { change: config, validateOnly });
      } else {
        await alterTopic(broker, resource.resourceName, { config, validateOnly });
      }
      return answerOf(resource, undefined);
    } catch (error) {
      return answerOf(resource, failureOf(error));
    }
  });
  const failure = failureWith('INVALID_REQUEST', 'The request names the resource twice.');
  return [...altered, ...twice.map((resource) => answerOf(resource, failure))];
}

export function answerOf(
  { resourceType, resourceName }: { resourceType: number; resourceName: string },
  failure: Failure | undefined,
): AlteredAnswer {
  return { errorCode: failure?.code ?? NONE, errorMessage: failure?.message ?? null, resourceType, resourceName };
}

function denialOf(call: Call, { resourceType, resourceName }: AlteredResource<AlteredConfig>): Failure | undefined {
  if (resourceType === resourceTypes.topic) {
    return isAllowed(call, 'admin', resourceName) ? undefined : topicDenied(resourceName);
  }
  if (resourceType === resourceTypes.group) {
    return isAllowed(call, 'admin', resourceName) ? undefined : groupDenied(resourceName);
  }
  return isAllowed(call, 'admin') ? undefined : clusterDenied;
}

function refuseOthers({ resourceType, resourceName }: AlteredResource<AlteredConfig>): void {
  if (resourceType === resourceTypes.topic || resourceType === resourceTypes.group) return;
  const what = resourceType === resourceTypes.broker ? `the broker "${resourceName}"` : `resource type ${resourceType}`;
  throw new MillraceError(
    'INVALID_REQUEST',
    `The configs of ${what} cannot be altered here; those of topics and groups can.`,
  );
}

function checkNamedOnce(configs: readonly AlteredConfig[]): void {
  const [again] = namedTwice(configs, ({ name }) => name).twice;
  if (again !== undefined) throw new MillraceError('INVALID_REQUEST', `The config ${again.name} is named twice.`);
}

export function valueOf({ name, value }: AlteredConfig): string {
  if (value !== null) return value;
  throw new MillraceError('INVALID_REQUEST', `The config ${name} has no value.`);
}
