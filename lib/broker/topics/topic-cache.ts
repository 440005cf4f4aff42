/** The process's view of topics (see expiring-cache.ts). A topic that is being deleted is unknown. */
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { checkTopicName } from '../../log/topic/name.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import { ExpiringCache } from '../expiring-cache.ts';

export class TopicCache {
  private readonly cache: ExpiringCache<Topic>;

  constructor({ metadata, clock }: { metadata: MetadataStore; clock: Clock }) {
    this.cache = new ExpiringCache({
      read: async (name) => {
        const attributes = await metadata.get(topicKey(name), 'strong');
        const topic = attributes && decodeTopic(name, attributes);
        return topic?.state === 'ready' ? topic : undefined;
      },
      clock,
      entriesMax: cacheLimits.topicCacheEntries,
      ageMsMax: cacheLimits.topicCacheMs,
    });
  }

  /** Throws `UNKNOWN_TOPIC_OR_PARTITION`, or `INVALID_TOPIC` for a name that no topic can have. */
  async get(name: string): Promise<Topic> {
    checkTopicName(name);
    return (await this.cache.get(name)) ?? notThere(name);
  }

  /** As of after this call. For whoever found the cached view to be behind: an unknown partition, a missing ledger. */
  async getFresh(name: string): Promise<Topic> {
    checkTopicName(name);
    return (await this.cache.getFresh(name)) ?? notThere(name);
  }

  /** As it is cached, unless that is without this partition: the topic may have grown since. */
  async getWith(name: string, partition: number): Promise<Topic> {
    const topic = await this.get(name);
    // Over Kafka's protocol they come as any number of 32 bits.
    if (partition < 0) throw unknownPartition(topic, partition);
    return partition < topic.partitions ? topic : this.getFresh(name);
  }

  /** For whoever has just changed the topic. */
  forget(name: string): void {
    this.cache.forget(name);
  }
}

export function unknownTopic(name: string): MillraceError {
  return new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic "${name}".`);
}

export function unknownPartition({ name, partitions }: Topic, partition: number): MillraceError {
  const detail = `Topic ${name} has no partition ${partition}; it has 0 to ${partitions - 1}.`;
  return new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', detail, { facts: { unknownPartition: partition } });
}

function notThere(name: string): never {
  throw unknownTopic(name);
}
