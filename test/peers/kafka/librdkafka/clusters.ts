/**
 * The kinds of clusters that librdkafka's tests need, each of them one local server with three virtual brokers and
 * three stores.
 */
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGateway } from '../java/gateway.ts';

/**
 * What the tests take for granted of a cluster; and of groups, that members which start together are in the first
 * generation together.
 */
const FLAGS = ['--kafka-brokers', '3', '--num-partitions', '4', '--kafka-initial-rebalance-ms', '500'];
/** Further stores: some tests create topics with three replicas. */
const REPLICAS = ['replica-1', 'replica-2'];

const USER = 'testuser';
const PASSWORD = 'a-password-that-nobody-guesses';

interface Kind {
  flags: readonly string[];
  /** What librdkafka calls it. */
  scenario: 'default' | 'noautocreate';
  /** Lines of the tests' configuration. */
  settings: readonly string[];
}

const KINDS = {
  usual: { flags: [], scenario: 'default', settings: [] },
  withoutAutoCreation: { flags: ['--auto-create-topics', 'false'], scenario: 'noautocreate', settings: [] },
  /** One test waits half a minute for compaction. */
  compacting: { flags: ['--maintenance-interval-ms', '4000'], scenario: 'default', settings: [] },
  /** As the test that uses it calls them. */
  withRacks: { flags: ['--kafka-rack', 'RACK1,RACK2,RACK3'], scenario: 'default', settings: [] },
  withSasl: {
    flags: ['--api-key', `${USER}:${PASSWORD}`, '--kafka-session-ms-max', '10000'],
    scenario: 'default',
    settings: [
      'security.protocol=sasl_plaintext',
      'sasl.mechanism=PLAIN',
      `sasl.username=${USER}`,
      `sasl.password=${PASSWORD}`,
    ],
  },
  /** Without the topics of other tests. */
  fresh: { flags: [], scenario: 'default', settings: [] },
} satisfies Record<string, Kind>;

export type ClusterKind = keyof typeof KINDS;

const BY_TEST: Record<string, ClusterKind> = {
  '0033_regex_subscribe': 'fresh',
  '0045_subscribe_update_non_exist_and_partchange': 'withoutAutoCreation',
  '0045_subscribe_update_topic_remove': 'withoutAutoCreation',
  '0077_compaction': 'compacting',
  '0101_fetch_from_follower': 'withRacks',
  '0107_topic_recreate': 'withoutAutoCreation',
  '0111_delay_create_topics': 'withoutAutoCreation',
  '0135_sasl_credentials': 'withSasl',
  '0142_reauthentication': 'withSasl',
};

export function clusterOf(test: string): ClusterKind {
  return BY_TEST[test] ?? 'usual';
}

export interface Cluster {
  bootstrap: string;
  scenario: string;
  /** File of the tests' configuration. */
  config: string;
  stop(): Promise<void>;
}

/** `settings` are further lines of the tests' configuration. */
export async function startCluster(kind: ClusterKind, home: string, settings: readonly string[]): Promise<Cluster> {
  const { flags, scenario, settings: own } = KINDS[kind];
  const directory = join(home, kind);
  mkdirSync(directory, { recursive: true });
  const replicas = REPLICAS.flatMap((name) => ['--replica-data', join(directory, name)]);
  const log = openSync(join(directory, 'server.log'), 'w');
  const gateway = await startGateway(join(directory, 'main'), [...replicas, ...FLAGS, ...flags], log);
  closeSync(log);
  const config = join(directory, 'test.conf');
  const lines = [`bootstrap.servers=${gateway.bootstrap}`, 'broker.address.family=v4', ...own, ...settings];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return { bootstrap: gateway.bootstrap, scenario, config, stop: () => gateway.stop() };
}
