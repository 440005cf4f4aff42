/**
 * What a group of 100 members costs while nothing happens, and when one more joins: requests counted in simulated time.
 */
import { type Broker, createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { type PollResult, poll } from '../../lib/broker/groups/poll.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import type { ItemKey } from '../../lib/kernel/items.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createLocalPresigner } from '../../lib/storage/objects/local-presign.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { show } from '../figure.ts';
import type { Part } from '../part.ts';

const MEMBERS = 100;
const PARTITIONS = 250;
const HEARTBEAT_MS = 3_000;
const STEADY_HEARTBEATS = 100;
const ROUNDS_MAX = 20;
const GROUP = 'hundred';
const TOPIC = 'shared';

export const rebalance: Part = {
  name: 'rebalance',
  summary: 'writes of a group of 100 members, steady and when one joins (simulated time)',
  run: async (context) => {
    const world = await open();
    try {
      const members = Array.from({ length: MEMBERS }, () => new Member(world.broker));
      await settle(world, members);
      context.progress(`${MEMBERS} members share ${PARTITIONS} partitions`);
      world.counts.clear();
      for (let beat = 0; beat < STEADY_HEARTBEATS; beat++) await heartbeat(world, members);
      const seconds = (STEADY_HEARTBEATS * HEARTBEAT_MS) / 1_000;
      const steady = { writes: world.counts.writes / seconds, reads: world.counts.reads / seconds };

      world.counts.clear();
      const newcomer = new Member(world.broker);
      const intervals = await settle(world, [...members, newcomer]);
      const { writes, byMember } = world.counts;
      const most = Math.max(...byMember.values());
      return {
        figures: [
          {
            name: `Heartbeats until the ${MEMBERS + 1}st member has its share`,
            value: intervals,
            show: show.count,
            bound: { kind: 'at-most', value: 3 },
          },
          {
            name: 'Writes of one member for that, at most',
            value: most,
            show: show.count,
            bound: { kind: 'at-most', value: 2 },
          },
        ],
        tables: [
          {
            title: `A group of ${MEMBERS} members and ${PARTITIONS} partitions, heartbeats every ${HEARTBEAT_MS / 1_000} s`,
            columns: ['', 'items written', 'reads'],
            rows: [
              ['steady, a second', steady.writes.toFixed(2), steady.reads.toFixed(2)],
              ['one more joins, in all', writes.toFixed(0), ''],
              ['of these by members, of how many', `${sum(byMember.values())} of ${byMember.size}`, ''],
            ],
          },
        ],
      };
    } finally {
      await world.metadata.close();
    }
  },
};

class Counts {
  writes = 0;
  reads = 0;
  readonly byMember = new Map<string, number>();

  clear(): void {
    this.writes = 0;
    this.reads = 0;
    this.byMember.clear();
  }

  wrote({ sk }: ItemKey): void {
    this.writes++;
    if (sk.startsWith('member#')) this.byMember.set(sk, (this.byMember.get(sk) ?? 0) + 1);
  }
}

interface World {
  broker: Broker;
  metadata: MetadataStore;
  clock: ManualClock;
  counts: Counts;
}

async function open(): Promise<World> {
  const clock = new ManualClock();
  const counts = new Counts();
  const store = openSqliteMetadataStore({ path: ':memory:' });
  const metadata: MetadataStore = {
    get: (key, consistency) => {
      counts.reads++;
      return store.get(key, consistency);
    },
    query: (query) => {
      counts.reads++;
      return store.query(query);
    },
    write: async (writes) => {
      const result = await store.write(writes);
      if (result.outcome === 'applied') for (const { kind, key } of writes) if (kind !== 'check') counts.wrote(key);
      return result;
    },
    close: () => store.close(),
  };
  const presigner = createLocalPresigner({ secret: new Uint8Array(32), baseUrl: () => 'http://127.0.0.1', clock });
  const bucket = createMemoryObjectStore({ presigner });
  const objects = createTieredObjectStore({
    inline: createInlineObjectStore({ metadata, clock }),
    bucket,
    inlineBytesMax: 0,
  });
  const broker = createBroker({ metadata, objects, compression: nodeCompression, clock, random: seededRandom(1) });
  await createTopic(broker, { name: TOPIC, partitions: PARTITIONS });
  return { broker, metadata, clock, counts };
}

class Member {
  owned = '';
  partitions = 0;
  private readonly broker: Broker;
  private name: string | undefined;
  private cursor: string | undefined;

  constructor(broker: Broker) {
    this.broker = broker;
  }

  /** Whether the answer gave or took anything. */
  async heartbeat(): Promise<boolean> {
    const answer: PollResult = await poll(this.broker, {
      group: GROUP,
      ...(this.name !== undefined && { memberId: this.name, cursor: this.cursor }),
      wishes: { names: [TOPIC] },
      commit: 'none',
      reset: 'earliest',
      maxRecords: 0,
      maxBytes: 1,
      waitMs: 0,
      authorize: () => {},
    });
    this.name = answer.memberId;
    this.cursor = answer.cursor([]);
    const owned = JSON.stringify(answer.assignment);
    const isChanged = owned !== this.owned || answer.revoked.length > 0;
    this.owned = owned;
    this.partitions = answer.assignment.reduce((total, { partitions }) => total + partitions.length, 0);
    return isChanged;
  }
}

/** One of everybody, spread over the interval; whether anything was given or taken. */
async function heartbeat({ clock }: World, members: readonly Member[]): Promise<boolean> {
  let isChanged = false;
  for (const member of members) {
    const beat = member.heartbeat();
    await clock.until(beat);
    isChanged = (await beat) || isChanged;
    await clock.advance(HEARTBEAT_MS / members.length);
  }
  return isChanged;
}

/** Until nothing moves any more and all is assigned; the number of heartbeats in which something did. */
async function settle(world: World, members: readonly Member[]): Promise<number> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const isChanged = await heartbeat(world, members);
    if (!isChanged && sum(members.map(({ partitions }) => partitions)) === PARTITIONS) return round;
  }
  throw new Error('the group does not come to rest');
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0);
}
