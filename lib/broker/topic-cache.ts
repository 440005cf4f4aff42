/**
 * The process's view of topics. What it returns may be as old as `limits.topicCacheMs`: a change or deletion by another
 * process is seen within that time. It never says of a topic that exists that there is none: absence is told from a
 * strong read that began after the question, and never remembered.
 */
import type { Clock } from '../kernel/clock.ts';
import { MillraceError } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import { checkTopicName } from '../log/topic/name.ts';
import type { Topic } from '../log/topic/topic.ts';
import { decodeTopic, topicKey } from '../log/topic/topic-item.ts';
import type { MetadataStore } from '../storage/metadata/port.ts';
import { LruMap } from './lru-map.ts';

interface Entry {
  topic: Topic;
  /** By the monotonic clock. */
  validUntilMs: number;
}

export class TopicCache {
  private readonly metadata: MetadataStore;
  private readonly clock: Clock;
  private readonly entries = new LruMap<string, Entry>(limits.topicCacheEntries);
  /** Reads under way, shared by those who ask meanwhile. Bounded by the requests of the process. */
  private readonly reads = new Map<string, Promise<Topic | undefined>>();

  constructor({ metadata, clock }: { metadata: MetadataStore; clock: Clock }) {
    this.metadata = metadata;
    this.clock = clock;
  }

  /** Throws `UNKNOWN_TOPIC_OR_PARTITION`, or `INVALID_TOPIC` for a name that no topic can have. */
  async get(name: string): Promise<Topic> {
    const entry = this.entries.get(name);
    if (entry !== undefined && this.clock.monotonic() < entry.validUntilMs) return entry.topic;
    const shared = this.reads.get(name);
    // A shared read began before this call, so it proves what is there but not what isn't.
    return (shared && (await shared)) ?? (await this.getFresh(name));
  }

  /** As of after this call. For whoever found the cached view to be behind: an unknown partition, a missing ledger. */
  async getFresh(name: string): Promise<Topic> {
    checkTopicName(name);
    const topic = await this.read(name);
    if (topic === undefined) throw unknownTopic(name);
    return topic;
  }

  /** What is cached or being read is not served any more. For whoever has just changed the topic. */
  forget(name: string): void {
    this.entries.delete(name);
    this.reads.delete(name);
  }

  private async read(name: string): Promise<Topic | undefined> {
    const begunMs = this.clock.monotonic();
    const reading = this.metadata.get(topicKey(name), 'strong').then((attributes) => {
      const topic = attributes && decodeTopic(name, attributes);
      return topic?.state === 'ready' ? topic : undefined;
    });
    this.reads.set(name, reading);
    try {
      const topic = await reading;
      // Another read that began later, or `forget`, has the last word on what is cached.
      if (this.reads.get(name) === reading) {
        if (topic === undefined) this.entries.delete(name);
        else this.entries.set(name, { topic, validUntilMs: begunMs + limits.topicCacheMs });
      }
      return topic;
    } finally {
      if (this.reads.get(name) === reading) this.reads.delete(name);
    }
  }
}

export function unknownTopic(name: string): MillraceError {
  return new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic "${name}"`);
}
