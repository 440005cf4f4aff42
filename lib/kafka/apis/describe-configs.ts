/** DescribeConfigs: of topics, of share groups, and of the virtual brokers. Other resources have no configs here. */
import { readGroupConfig } from '../../broker/share-groups/alter-group-config.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { canSee, clusterDenied, isAllowed, topicDenied } from '../authorization/authorization.ts';
import { brokerConfigEntries } from '../configs/broker-configs.ts';
import { type ConfigEntry, resourceTypes } from '../configs/config-entry.ts';
import { groupConfigEntries } from '../configs/group-configs.ts';
import { topicConfigEntries } from '../configs/topic-configs.ts';
import { type Failure, failureOf, NONE } from '../failures.ts';
import { eachOnce } from '../fields/each-once.ts';
import { refusedGroup } from '../groups/group-failures.ts';
import { mapInTurns } from '../map-in-turns.ts';

type Request = RequestOf<'DescribeConfigs'>;
type Resource = Request['resources'][number];
type Result = ResponseOf<'DescribeConfigs'>['results'][number];

/** Types and documentation are answered from this version on (KIP-569). */
const DOCUMENTED_FROM = 3;

export const describeConfigs: ServedApi<'DescribeConfigs'> = {
  lowest: 1,
  highest: 4,
  answerBytes: (_call, { resources }) => resources.length * kafkaLimits.kafkaAnswerConfigsBytes,
  handle: async (call, request) => {
    const resources = eachOnce(
      request.resources,
      ({ resourceType, resourceName }) => `${resourceType} ${resourceName}`,
    );
    const results = await mapInTurns(call, resources, (resource) => describe(call, request, resource));
    return { results };
  },
  failed: (_call, { resources }, failure) => ({ results: resources.map((resource) => refused(resource, failure)) }),
};

async function describe(call: Call, request: Request, resource: Resource): Promise<Result> {
  const denied = denialOf(call, resource);
  if (denied !== undefined) return refused(resource, denied);
  try {
    const wanted = resource.configurationKeys;
    const isWanted = wanted === null || wanted.length === 0 ? undefined : new Set(wanted);
    const configs = (await entriesOf(call, resource))
      .filter(({ name }) => isWanted?.has(name) ?? true)
      .map((entry) => asAskedFor(call, request, entry));
    return { errorCode: NONE, errorMessage: null, ...nameOf(resource), configs };
  } catch (error) {
    return refused(resource, failureOf(error));
  }
}

function denialOf(call: Call, { resourceType, resourceName }: Resource): Failure | undefined {
  switch (resourceType) {
    case resourceTypes.topic:
      return canSee(call, resourceName) ? undefined : topicDenied(resourceName);
    case resourceTypes.broker:
    case resourceTypes.brokerLogger:
    case resourceTypes.clientMetrics:
      return isAllowed(call, 'admin') ? undefined : clusterDenied;
    case resourceTypes.group:
      return refusedGroup(call, resourceName);
    default:
      return undefined;
  }
}

async function entriesOf(call: Call, { resourceType, resourceName }: Resource): Promise<ConfigEntry[]> {
  const { gateway } = call;
  switch (resourceType) {
    case resourceTypes.topic:
      return topicConfigEntries((await gateway.broker.topics.getFresh(resourceName)).overrides);
    case resourceTypes.broker: {
      // The empty name means what all brokers have in common, of what was altered at run time: nothing.
      if (resourceName === '') return [];
      const node = gateway.cluster.nodes.find(({ nodeId }) => String(nodeId) === resourceName);
      if (node === undefined) throw new MillraceError('INVALID_REQUEST', `There is no broker "${resourceName}".`);
      return brokerConfigEntries(gateway, node);
    }
    case resourceTypes.brokerLogger:
    case resourceTypes.clientMetrics:
      return [];
    case resourceTypes.group:
      return groupConfigEntries(await readGroupConfig(gateway.broker, resourceName));
    default:
      throw new MillraceError('INVALID_REQUEST', `There are no configs of the resource type ${resourceType}.`);
  }
}

function asAskedFor({ version }: Call, request: Request, entry: ConfigEntry): ConfigEntry {
  const { configType, documentation, ...rest } = entry;
  const common = { ...rest, synonyms: request.includeSynonyms ? entry.synonyms : [] };
  if (version < DOCUMENTED_FROM) return common;
  return { ...common, configType, documentation: request.includeDocumentation ? documentation : null };
}

function refused(resource: Resource, { code, message }: Failure): Result {
  return { errorCode: code, errorMessage: message, ...nameOf(resource), configs: [] };
}

function nameOf({ resourceType, resourceName }: Resource) {
  return { resourceType, resourceName };
}
