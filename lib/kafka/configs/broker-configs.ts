/**
 * The configs of a virtual broker as clients see them, under Kafka's names: those that tools ask for and that say
 * something here, and the defaults of the topics' configs. None can be altered through the protocol: they are what the
 * process was started with, or bounds of Millrace.
 */
import { groupLimits } from '../../kernel/limits/groups.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { TOPIC_CONFIG_NAMES } from '../../log/topic/config.ts';
import type { GatewayContext } from '../api.ts';
import type { VirtualBroker } from '../cluster.ts';
import { brokerSynonyms } from './broker-synonyms.ts';
import { type ConfigEntry, type ConfigType, configSources, configTypes } from './config-entry.ts';

interface BrokerConfig {
  name: string;
  type: ConfigType;
  value: string | number | boolean | null;
  /** Kafka's; absent: the value. */
  default?: string | number | boolean | null;
  about: string;
}

const { boolean, int, long, string } = configTypes;

export function brokerConfigEntries(context: GatewayContext, node: VirtualBroker): ConfigEntry[] {
  const defaultsOfTopics = TOPIC_CONFIG_NAMES.flatMap(brokerSynonyms);
  return [
    ...own(node),
    ...ofTopics(context),
    ...ofGroups(context),
    ofSessions(context),
    ...bounds,
    ...defaultsOfTopics,
  ].map(entry);
}

function own({ nodeId, rack }: VirtualBroker): BrokerConfig[] {
  const number = { type: int, value: nodeId, default: -1, about: 'The number of the virtual broker.' };
  return [
    { name: 'broker.id', ...number },
    { name: 'node.id', ...number },
    { name: 'broker.rack', type: string, value: rack, default: null, about: 'Where the virtual broker is.' },
  ];
}

function ofTopics({ autoCreate }: GatewayContext): BrokerConfig[] {
  return [
    {
      name: 'auto.create.topics.enable',
      type: boolean,
      value: autoCreate.enabled,
      default: true,
      about: 'Whether asking for the metadata of an unknown topic creates it.',
    },
    {
      name: 'num.partitions',
      type: int,
      value: autoCreate.partitions,
      default: 1,
      about: 'Partitions of topics that are created without a number of them.',
    },
    {
      name: 'default.replication.factor',
      type: int,
      value: 1,
      about: 'Replicas of topics that are created without a number of them: the object store alone.',
    },
    { name: 'delete.topic.enable', type: boolean, value: true, about: 'Topics can be deleted.' },
  ];
}

function ofGroups({ initialRebalanceDelayMs }: GatewayContext): BrokerConfig[] {
  return [
    {
      name: 'group.initial.rebalance.delay.ms',
      type: int,
      value: initialRebalanceDelayMs ?? groupLimits.groupInitialRebalanceDelayMs,
      default: groupLimits.groupInitialRebalanceDelayMs,
      about: 'How long the first members of a group of the classic protocol wait for each other.',
    },
  ];
}

function ofSessions({ sessionMsMax = 0 }: GatewayContext): BrokerConfig {
  return {
    name: 'connections.max.reauth.ms',
    type: long,
    value: sessionMsMax,
    default: 0,
    about: 'How often clients have to prove anew who they are; 0: once.',
  };
}

/** Bounds that have a name in Kafka as well. */
const bounds: BrokerConfig[] = [
  {
    name: 'socket.request.max.bytes',
    type: int,
    value: kafkaLimits.kafkaFrameBytesMax,
    default: 104_857_600,
    about: 'Largest request.',
  },
  {
    name: 'fetch.max.bytes',
    type: int,
    value: kafkaLimits.kafkaFetchBytesMax,
    default: 57_671_680,
    about: 'What a fetch is answered at most.',
  },
  {
    name: 'connections.max.idle.ms',
    type: long,
    value: kafkaLimits.kafkaIdleMsMax,
    default: 600_000,
    about: 'A connection on which nothing happens is closed after it.',
  },
  {
    name: 'max.connections',
    type: int,
    value: kafkaLimits.kafkaConnectionsMax,
    default: 2_147_483_647,
    about: 'Connections of one process.',
  },
  {
    name: 'max.request.partition.size.limit',
    type: int,
    value: kafkaLimits.kafkaDescribedPartitionsMax,
    default: 2_000,
    about: 'Partitions that DescribeTopicPartitions answers at most.',
  },
  {
    name: 'group.min.session.timeout.ms',
    type: int,
    value: groupLimits.groupSessionTimeoutMsMin,
    default: 6_000,
    about: 'Shortest session timeout of members.',
  },
  {
    name: 'group.max.session.timeout.ms',
    type: int,
    value: groupLimits.groupSessionTimeoutMsMax,
    default: 1_800_000,
    about: 'Longest session timeout of members.',
  },
  {
    name: 'group.max.size',
    type: int,
    value: groupLimits.groupMembersMax,
    default: 2_147_483_647,
    about: 'Members that a group has at most.',
  },
  {
    name: 'group.share.max.size',
    type: int,
    value: shareGroupLimits.shareGroupMembersMax,
    about: 'Members that a share group has at most.',
  },
  {
    name: 'group.share.delivery.count.limit',
    type: int,
    value: shareGroupLimits.shareDeliveriesDefault,
    about: 'How often share groups deliver a record, unless their own config says otherwise.',
  },
  {
    name: 'group.share.partition.max.record.locks',
    type: int,
    value: shareGroupLimits.shareInFlightRecordsDefault,
    about: 'Records of a partition that share groups have in flight, unless their own config says otherwise.',
  },
  {
    name: 'offset.metadata.max.bytes',
    type: int,
    value: transactionLimits.offsetMetadataBytesMax,
    default: 4_096,
    about: 'Largest metadata of a committed offset.',
  },
  {
    name: 'transaction.max.timeout.ms',
    type: int,
    value: transactionLimits.transactionTimeoutMsMax,
    default: 900_000,
    about: 'Longest timeout of transactions.',
  },
];

function entry({ name, type, value, default: kafkas = value, about }: BrokerConfig): ConfigEntry {
  const text = value === null ? null : String(value);
  const configSource = value === kafkas ? configSources.default : configSources.staticBroker;
  return {
    name,
    value: text,
    readOnly: true,
    configSource,
    isSensitive: false,
    synonyms: text === null ? [] : [{ name, value: text, source: configSource }],
    configType: type,
    documentation: about,
  };
}
