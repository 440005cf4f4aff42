import assert from 'node:assert/strict';
import { afterEach } from 'vitest';
import { Background } from '../../lib/broker/background.ts';
import type { Broker } from '../../lib/broker/broker.ts';
import { silentLog } from '../../lib/broker/broker-log.ts';
import { PrincipalCache } from '../../lib/broker/keys/principal-cache.ts';
import { HeadCache } from '../../lib/broker/ledger/head-cache.ts';
import { finishDeletions } from '../../lib/broker/lifecycle/finish-deletions.ts';
import { TopicCache } from '../../lib/broker/topics/topic-cache.ts';
import { TriggerCache } from '../../lib/broker/triggers/trigger-cache.ts';
import type { Item } from '../../lib/kernel/items.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { decodeHead, ledgerKey } from '../../lib/log/ledger/head.ts';
import type { Topic } from '../../lib/log/topic/topic.ts';
import { decodeClaim, decodeDirectoryEntry, decodeTopic } from '../../lib/log/topic/topic-item.ts';
import { ledgersOf } from '../../lib/log/topic/topic-writes.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { itemsUnder, type Observation, ObservedMetadataStore } from './observed-metadata-store.ts';
import { VirtualClock } from './virtual-clock.ts';

const opened: MetadataStore[] = [];

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

/** One store and any number of processes over it, as the use cases of topics and keys see them. */
export class TopicWorld {
  readonly clock = new VirtualClock();
  private readonly store: MetadataStore;
  private readonly partitionKeys = new Set<string>(['topics']);
  private processes = 0;
  /** The replicas that topics may have. */
  assignable: readonly number[] = [0];

  /** Over an empty store of the caller's; over one of its own where there is none. */
  constructor(store?: MetadataStore) {
    this.store = store ?? openSqliteMetadataStore({ path: ':memory:' });
    if (store === undefined) opened.push(this.store);
  }

  /** A process of its own: own caches, own randomness, own faults. */
  process(observation: Observation = {}): { broker: Broker; store: ObservedMetadataStore } {
    const store = new ObservedMetadataStore(this.store, this.partitionKeys, observation);
    const random = seededRandom(++this.processes);
    // The use cases of topics and keys touch nothing else of a broker, and no object.
    const parts = {
      metadata: store,
      objects: { assignable: this.assignable },
      clock: this.clock,
      random,
      log: silentLog,
      topics: new TopicCache({ metadata: store, clock: this.clock }),
      principals: new PrincipalCache({ metadata: store, clock: this.clock }),
      heads: new HeadCache({ metadata: store, clock: this.clock }),
      triggers: new TriggerCache({ metadata: store, clock: this.clock }),
      background: new Background(),
    };
    return { broker: parts as unknown as Broker, store };
  }

  /** Does what is left of deletions, as the maintenance does it once nothing can be on its way any more. */
  async maintain(): Promise<void> {
    const { broker } = this.process();
    for (let round = 0; round < 2; round++) await finishDeletions(broker, { graceMs: 0 });
  }

  /** All but the counts of deletions, which stay. */
  items(): Promise<Item[]> {
    return itemsUnder(
      this.store,
      [...this.partitionKeys].filter((pk) => !pk.startsWith('deletions#')),
    );
  }

  /** What the table says about topics, after checking that it says one thing. */
  async topics(): Promise<{ topics: Topic[]; unreferencedHeads: number; strays: string[] }> {
    const items = await this.items();
    const topics = items
      .filter(({ key }) => key.pk.startsWith('topic#') && key.sk === 'config')
      .map(({ key, attributes }) => decodeTopic(key.pk.slice('topic#'.length), attributes));
    const ready = topics.filter((topic) => topic.state === 'ready');
    const directory = items
      .filter(({ key }) => key.pk === 'topics')
      .map(({ key, attributes }) => decodeDirectoryEntry(key.sk, attributes));
    assert.deepEqual(
      directory,
      ready.map(summary).sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
    const claims = items.filter(({ key }) => key.sk === 'claim').map(({ attributes }) => decodeClaim(attributes));
    assert.deepEqual(
      claims.sort(),
      ready
        .map(({ name }) => name)
        .filter((name) => /[._]/.test(name))
        .sort(),
    );
    const heads = new Map(items.filter(({ key }) => key.sk === 'head').map((item) => [item.key.pk, item]));
    for (const topic of ready) {
      for (const ledger of ledgersOf(topic)) {
        const head = heads.get(ledgerKey(ledger));
        assert(head, `${topic.name} has the head of its ledger ${ledger.index}`);
        decodeHead(head.attributes);
        heads.delete(ledgerKey(ledger));
      }
    }
    const known = new Set(ready.flatMap((topic) => ledgersOf(topic).map(ledgerKey)));
    const strays = items
      .filter(({ key }) => key.pk.startsWith('ledger#') && key.sk !== 'head' && !known.has(key.pk))
      .map(({ key }) => `${key.pk}/${key.sk}`);
    return { topics, unreferencedHeads: heads.size, strays };
  }
}

function summary({ name, topicId, partitions, replicationFactor }: Topic) {
  return { name, topicId, partitions, replicationFactor };
}
