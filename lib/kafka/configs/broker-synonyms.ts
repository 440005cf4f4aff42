/**
 * The configs of brokers that the defaults of topics' configs come from, in Kafka
 * (org.apache.kafka.server.config.ServerTopicConfigSynonyms): the first one that is set decides. Here none can be set,
 * and the defaults are Kafka's.
 */
import type { TopicConfigName } from '../../log/topic/config.ts';
import { type ConfigRow, topicConfigTable } from '../../log/topic/config-table.ts';
import { type ConfigType, configTypeOf } from './config-entry.ts';

export interface BrokerSynonym {
  name: string;
  type: ConfigType;
  /** `null`: not set, and without a default of its own. */
  value: string | null;
  about: string;
}

/** A name alone stands for the topic config's own default. */
const names: { readonly [Name in TopicConfigName]?: readonly (string | { name: string; value: string | null })[] } = {
  'max.message.bytes': ['message.max.bytes'],
  'message.timestamp.type': ['log.message.timestamp.type'],
  'message.timestamp.before.max.ms': ['log.message.timestamp.before.max.ms'],
  'message.timestamp.after.max.ms': ['log.message.timestamp.after.max.ms'],
  'compression.type': ['compression.type'],
  'compression.gzip.level': ['compression.gzip.level'],
  'compression.lz4.level': ['compression.lz4.level'],
  'compression.zstd.level': ['compression.zstd.level'],
  'cleanup.policy': ['log.cleanup.policy'],
  'retention.ms': [
    unset('log.retention.ms'),
    unset('log.retention.minutes'),
    { name: 'log.retention.hours', value: '168' },
  ],
  'retention.bytes': ['log.retention.bytes'],
  'delete.retention.ms': ['log.cleaner.delete.retention.ms'],
  'min.compaction.lag.ms': ['log.cleaner.min.compaction.lag.ms'],
  'max.compaction.lag.ms': ['log.cleaner.max.compaction.lag.ms'],
  'min.cleanable.dirty.ratio': ['log.cleaner.min.cleanable.ratio'],
  'segment.bytes': ['log.segment.bytes'],
  'segment.ms': [unset('log.roll.ms'), { name: 'log.roll.hours', value: '168' }],
  'min.insync.replicas': ['min.insync.replicas'],
  'unclean.leader.election.enable': ['unclean.leader.election.enable'],
  'segment.jitter.ms': [unset('log.roll.jitter.ms'), { name: 'log.roll.jitter.hours', value: '0' }],
  'segment.index.bytes': ['log.index.size.max.bytes'],
  'index.interval.bytes': ['log.index.interval.bytes'],
  'flush.messages': ['log.flush.interval.messages'],
  'flush.ms': [unset('log.flush.interval.ms'), 'log.flush.scheduler.interval.ms'],
  'file.delete.delay.ms': ['log.segment.delete.delay.ms'],
  preallocate: ['log.preallocate'],
  'local.retention.ms': ['log.local.retention.ms'],
  'local.retention.bytes': ['log.local.retention.bytes'],
};

export function brokerSynonyms(topicConfig: TopicConfigName): BrokerSynonym[] {
  const row: ConfigRow = topicConfigTable[topicConfig];
  const type = configTypeOf(row);
  const about = `The default of the topic config ${topicConfig}. ${row.about}`;
  return (names[topicConfig] ?? []).map((synonym) => {
    const { name, value } = typeof synonym === 'string' ? { name: synonym, value: row.default } : synonym;
    return { name, value, type, about };
  });
}

function unset(name: string) {
  return { name, value: null };
}
