/**
 * Names of topics by id, for requests that name topics so (KIP-516). What this process has not met yet it finds in the
 * directory of topics, which it remembers for a while (`GroupCache.topics`).
 */
import type { Broker } from '../../broker/broker.ts';
import { type TopicDirectory, topicOrNone } from '../../broker/groups/topic-directory.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { LruMap } from '../../kernel/lru-map.ts';

export class TopicNames {
  readonly #broker: Broker;
  readonly #names = new LruMap<TopicId, string>(kafkaLimits.kafkaTopicIdsMax);
  readonly #byId = new WeakMap<TopicDirectory, ReadonlyMap<TopicId, string>>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** `undefined`: there is no such topic. */
  async nameOf(topicId: TopicId): Promise<string | undefined> {
    const known = this.#names.get(topicId);
    if (known !== undefined && (await this.#isStill(topicId, known))) return known;
    const listed = this.#namesIn(await this.#broker.groups.topics()).get(topicId);
    // The directory may be older than another topic of the name, which must not get what is meant for the one before
    // it.
    if (listed === undefined || !(await this.#isStill(topicId, listed))) return undefined;
    this.learn(topicId, listed);
    return listed;
  }

  /** For whoever has just told a client. */
  learn(topicId: TopicId, name: string): void {
    this.#names.set(topicId, name);
  }

  async #isStill(topicId: TopicId, name: string): Promise<boolean> {
    const topic = await topicOrNone(this.#broker, name);
    return topic?.topicId === topicId;
  }

  /** Turned round once for each directory: a request may name thousands of ids that are nobody's. */
  #namesIn(directory: TopicDirectory): ReadonlyMap<TopicId, string> {
    const known = this.#byId.get(directory);
    if (known !== undefined) return known;
    const names = new Map([...directory].map(([name, { topicId }]) => [topicId, name]));
    this.#byId.set(directory, names);
    return names;
  }
}
