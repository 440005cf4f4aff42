/**
 * Which topic ids are those of topics. Items of ledgers, offsets and leases name a topic by its id, and nothing leads
 * from an id to its topic: so the directory is read once, and kept as a set of ids, some hundred bytes a topic.
 *
 * What belongs to no topic may be what a creation has written before its topic: it is left alone for a while, and the
 * directory is read anew, before it counts as forsaken. An id that no topic has then never gets one: ids are never used
 * again.
 */
import type { TopicId } from '../../kernel/ids.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import { DELETED_TOPICS } from '../../log/topic/deleted-topic-item.ts';
import { TOPIC_DIRECTORY } from '../../log/topic/topic-item.ts';
import type { Broker } from '../broker.ts';

export class KnownTopics {
  private readonly broker: Broker;
  private ids: ReadonlySet<TopicId> | undefined;
  private readonly forsaken = new LruMap<TopicId, true>(checkLimits.checkObjectsRemembered);

  constructor(broker: Broker) {
    this.broker = broker;
  }

  /** Those that neither a topic has nor one whose deletion is not finished. */
  async forsakenAmong(ids: ReadonlySet<TopicId>): Promise<Set<TopicId>> {
    this.ids ??= await this.read();
    const unknown = [...ids].filter((id) => this.ids?.has(id) !== true);
    if (unknown.some((id) => this.forsaken.get(id) === undefined)) {
      await this.broker.clock.sleep(checkLimits.checkSettleMs);
      this.ids = await this.read();
    }
    const forsaken = new Set(unknown.filter((id) => this.ids?.has(id) !== true));
    for (const id of forsaken) this.forsaken.set(id, true);
    return forsaken;
  }

  private async read(): Promise<Set<TopicId>> {
    const ids = new Set<TopicId>();
    for (const pk of [TOPIC_DIRECTORY, DELETED_TOPICS]) {
      let from: string | undefined;
      do {
        const page = await this.broker.metadata.query({
          pk,
          from,
          limit: requestLimits.listPageMax,
          consistency: 'strong',
        });
        for (const { key, attributes } of page.items) {
          const id = pk === TOPIC_DIRECTORY ? attributes['topicId'] : key.sk;
          if (typeof id === 'string') ids.add(id);
        }
        from = page.next;
      } while (from !== undefined);
    }
    return ids;
  }
}
