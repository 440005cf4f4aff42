/**
 * Every method of Kafka's Admin, as AdminCalls.java calls it: what is served gives what it should, and what is not
 * fails at once, and says so. A method that a later client has too is found as one that is not called.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runJava } from './jvm.ts';
import type { Scenario } from './scenario.ts';

/** Far below a minute, after which the client itself gives up. */
const CALL_MS_MAX = 30_000;

/** The method, and what it gives or how it fails; `null` is Java's for nothing. */
type Expected = readonly [method: string, outcome: string | RegExp];

const TOPICS: readonly Expected[] = [
  ['createTopics', '2'],
  ['listTopics', '[]'],
  ['createTopics', '86400000'],
  ['createTopics', /^TopicExistsException/],
  ['listTopics', '[admin]'],
  ['createPartitions', 'null'],
  ['describeTopics', 'admin, 3 partitions, by its id 3'],
  ['describeTopics', /^UnknownTopicOrPartitionException/],
  ['describeConfigs', '86400000 DYNAMIC_TOPIC_CONFIG'],
  ['incrementalAlterConfigs', 'null'],
  ['describeConfigs', '2097152 DYNAMIC_TOPIC_CONFIG'],
  ['describeConfigs', /^1048588 /],
  ['incrementalAlterConfigs', /^InvalidRequestException: The configs of the broker "1" cannot be altered here/],
];

const RECORDS: readonly Expected[] = [
  ['listOffsets', '10'],
  ['listOffsets', '9'],
  ['listOffsets', '4'],
  ['deleteRecords', '3'],
  ['listOffsets', '3'],
  ['listOffsets', '3'],
  // Nothing is tiered, and nothing waits for it.
  ['listOffsets', '-1'],
  ['listOffsets', '-1'],
];

const TRANSACTIONS: readonly Expected[] = [
  ['listTransactions', '[admin Ongoing]'],
  ['describeTransactions', 'Ongoing [admin-0]'],
  ['describeTransactions', /^TransactionalIdNotFoundException/],
  ['describeProducers', '1, that of the transaction: true'],
  ['fenceProducers', 'null'],
  ['fenceProducers', 'fenced'],
  ['forceTerminateTransaction', 'null'],
  ['listOffsets', '10'],
];

const GROUPS: readonly Expected[] = [
  ['describeClassicGroups', 'Stable'],
  ['removeMembersFromConsumerGroup', 'null'],
  ['describeConsumerGroups', 'Empty Classic'],
  ['listGroups', '[classic Classic, consumers Consumer]'],
  ['listConsumerGroups', '[consumers]'],
  ['describeConsumerGroups', 'Stable Consumer, 3 partitions'],
  ['describeConsumerGroups', /^GroupIdNotFoundException/],
  ['listConsumerGroupOffsets', /^10 $/],
  ['alterConsumerGroupOffsets', /^UnknownMemberIdException/],
  ['deleteConsumerGroups', /^GroupNotEmptyException/],
  ['alterConsumerGroupOffsets', 'null'],
  ['listConsumerGroupOffsets', '5 note'],
  ['deleteConsumerGroupOffsets', 'null'],
  ['listConsumerGroupOffsets', 'null'],
  ['deleteConsumerGroups', 'null'],
  ['incrementalAlterConfigs', 'null'],
  ['describeConfigs', 'earliest DYNAMIC_GROUP_CONFIG'],
  ['describeShareGroups', 'Stable, 1 member'],
  ['listShareGroupOffsets', '10'],
  ['alterShareGroupOffsets', 'null'],
  ['listShareGroupOffsets', '4'],
  ['deleteShareGroupOffsets', 'null'],
  ['listShareGroupOffsets', 'null'],
  ['deleteShareGroups', 'null'],
  ['listGroups', '[]'],
  // Offsets of groups of Streams are those of any group; its groups themselves are among what is not served.
  ['alterStreamsGroupOffsets', 'null'],
  ['listStreamsGroupOffsets', '5'],
  ['deleteStreamsGroupOffsets', 'null'],
  ['deleteStreamsGroups', 'null'],
];

const ALL_OPERATIONS = 'CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE';

const CLUSTER: readonly Expected[] = [
  ['createAcls', /^SecurityDisabledException/],
  ['describeAcls', /^SecurityDisabledException/],
  ['deleteAcls', /^SecurityDisabledException/],
  ['describeCluster', new RegExp(`^nodes \\[\\S+:\\d+ .*\\], controller \\S+:\\d+ .*, \\[${ALL_OPERATIONS}\\]$`)],
  ['describeFeatures', '[share.version 1, transaction.version 2]'],
  ['metrics', 'true'],
  ['registerMetricForSubscription', 'null'],
  ['unregisterMetricFromSubscription', 'null'],
  ['clientInstanceId', /^IllegalStateException: Telemetry is not enabled/],
  ['deleteTopics', 'null'],
  ['deleteTopics', /^UnknownTopicOrPartitionException/],
  ['listTopics', '[]'],
  ['not called', '[]'],
];

const SERVED = [...TOPICS, ...RECORDS, ...TRANSACTIONS, ...GROUPS, ...CLUSTER];

/** Each with one call. */
const NOT_SERVED: ReadonlySet<string> = new Set([
  'listConfigResources',
  'listClientMetricsResources',
  'abortTransaction',
  'describeStreamsGroups',
  'alterUserScramCredentials',
  'describeUserScramCredentials',
  'createDelegationToken',
  'renewDelegationToken',
  'expireDelegationToken',
  'describeDelegationToken',
  'alterClientQuotas',
  'describeClientQuotas',
  'updateFeatures',
  'describeMetadataQuorum',
  'addRaftVoter',
  'removeRaftVoter',
  'unregisterBroker',
  'electLeaders',
  'alterPartitionReassignments',
  'listPartitionReassignments',
  'alterReplicaLogDirs',
  'describeLogDirs',
  'describeReplicaLogDirs',
]);

/** Several, so that it has to find coordinators, and to put the answers of all of them together. */
export const ADMIN_FLAGS = ['--kafka-brokers', '3'];

export const adminCalls: Scenario = {
  about: "every method of Java's Admin: what it gives, or that it says at once that it is not served",
  serverFlags: () => ADMIN_FLAGS,
  run: async ({ bootstrap, note }) => {
    const { served, refused } = await callAdmin(bootstrap);
    note(`${served} calls answered as they should, ${refused} methods refused with UnsupportedVersionException`);
  },
};

export async function callAdmin(bootstrap: string): Promise<{ served: number; refused: number }> {
  const { stdout } = await runJava({ main: join(import.meta.dirname, 'AdminCalls.java'), args: [bootstrap] });
  const calls = stdout.split('\n').map((line) => {
    const [method = '', ms, outcome = ''] = line.split('\t');
    return { method, ms: Number(ms), outcome };
  });
  for (const { method, ms } of calls) assert.ok(ms < CALL_MS_MAX, `${method} took ${ms} ms`);
  const refused = calls.filter(({ method }) => NOT_SERVED.has(method));
  assert.deepEqual(refused.map(({ method }) => method).toSorted(), [...NOT_SERVED].toSorted());
  for (const { method, outcome } of refused) assert.match(outcome, /^UnsupportedVersionException/, method);
  const served = calls.filter(({ method }) => !NOT_SERVED.has(method));
  assert.deepEqual(
    served.map(({ method }) => method),
    SERVED.map(([method]) => method),
  );
  for (const [index, { method, outcome }] of served.entries()) {
    const expected = SERVED[index]?.[1] ?? '';
    if (expected instanceof RegExp) assert.match(outcome, expected, `${method}: ${outcome}`);
    else assert.equal(outcome, expected, method);
  }
  return { served: served.length, refused: refused.length };
}
