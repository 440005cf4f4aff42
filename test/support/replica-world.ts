/** Replicated ledgers by hand, over a real table and three buckets in memory that fail when a test says so. */
import { afterEach, expect } from 'vitest';
import { type Broker, createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { ledgerView } from '../../lib/broker/ledger/replicated.ts';
import type { ReplicationRules } from '../../lib/broker/replication/rules.ts';
import type { LedgerView } from '../../lib/coordination/replication/ledger-view.ts';
import {
  encodeReplication,
  initialReplication,
  maskOf,
  members,
} from '../../lib/coordination/replication/replica-state.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { type LedgerId, newObjectId, type ObjectId } from '../../lib/kernel/ids.ts';
import { replicationLimits } from '../../lib/kernel/limits/replication.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { planAppend } from '../../lib/log/ledger/append.ts';
import type { Commit } from '../../lib/log/ledger/commit.ts';
import { decodeHead, encodeHead, headKey, initialHead, type LedgerHead } from '../../lib/log/ledger/head.ts';
import type { ProducerChange } from '../../lib/log/ledger/producer-item.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { ReplicaSet } from '../../lib/storage/objects/replicated.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { gatheredUpload } from '../../lib/storage/objects/upload.ts';
import { InterceptedMetadata } from './intercepted-stores.ts';
import { ManualClock } from './manual-clock.ts';

const opened: MetadataStore[] = [];

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

export const LEDGER: LedgerId = { topicId: 'AAAAAAAAQACAAAAAAAAAAA', index: 0 };

export const RULES: ReplicationRules = { minInSync: 1, uncleanAllowed: false };
export const UNCLEAN: ReplicationRules = { minInSync: 1, uncleanAllowed: true };

/** A bucket that every process shares. */
export interface Bucket {
  store: ObjectStore;
  /** Does not answer anyone. */
  down: boolean;
  /** Never answers what it is asked meanwhile. */
  silent: boolean;
  /** Answers everyone that it is asked for too much, which is no failure. */
  busy: boolean;
  /** Goes down after so many more calls. */
  callsLeft?: number;
}

export interface ReplicaWorld {
  clock: ManualClock;
  metadata: MetadataStore;
  /** By replica. */
  buckets: readonly [Bucket, Bucket, Bucket];
}

/** One ledger with three replicas; replica 0 leads. */
export async function makeReplicas(): Promise<ReplicaWorld> {
  const metadata = openSqliteMetadataStore({ path: ':memory:' });
  opened.push(metadata);
  const head = initialHead(encodeReplication(initialReplication([0, 1, 2])));
  await metadata.write([{ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(head) }]);
  const bucket = (): Bucket => ({ store: createMemoryObjectStore(), down: false, silent: false, busy: false });
  return { clock: new ManualClock(), metadata, buckets: [bucket(), bucket(), bucket()] };
}

export interface ReplicaProcess {
  broker: Broker;
  replicas: ReplicaSet;
  metadata: InterceptedMetadata;
  /** Every call of a bucket, as `put 1 <name>`. */
  calls: string[];
  /** Replicas that this process alone does not reach. */
  blind: Set<number>;
  logged: { level: 'info' | 'warn' | 'error'; message: string; facts: Record<string, unknown> }[];
}

let processes = 0;

export function makeProcess({ clock, metadata: table, buckets }: ReplicaWorld): ReplicaProcess {
  const metadata = new InterceptedMetadata(table);
  const calls: string[] = [];
  const blind = new Set<number>();
  const reach = async (id: number, call: string): Promise<void> => {
    calls.push(call);
    const bucket = buckets[id] as Bucket;
    if (bucket.callsLeft !== undefined && bucket.callsLeft-- <= 0) bucket.down = true;
    if (bucket.silent) await new Promise(() => {});
    if (bucket.busy) throw new MillraceError('THROTTLING_QUOTA_EXCEEDED', `replica ${id} is busy`);
    if (!bucket.down && !blind.has(id)) return;
    throw new MillraceError('KAFKA_STORAGE_ERROR', `replica ${id} does not answer`, { effect: 'unknown' });
  };
  const replicas = new ReplicaSet({
    replicas: buckets.map(({ store }, id) => ({
      id,
      name: `r${id}`,
      rack: `rack-${id}`,
      store: seen(store, id, reach),
    })),
    clock,
  });
  const logged: ReplicaProcess['logged'] = [];
  const log = (level: 'info' | 'warn' | 'error') => (message: string, facts: Record<string, unknown>) =>
    void logged.push({ level, message, facts });
  const inline = createInlineObjectStore({ metadata, clock });
  const broker = createBroker({
    metadata,
    objects: createTieredObjectStore({ inline, bucket: replicas, inlineBytesMax: 0 }),
    compression: nodeCompression,
    clock,
    random: seededRandom(1_000 + ++processes),
    log: { info: log('info'), warn: log('warn'), error: log('error') },
  });
  return { broker, replicas, metadata, calls, blind, logged };
}

/** The bucket as one process reaches it. */
function seen(store: ObjectStore, id: number, reach: (id: number, call: string) => Promise<void>): ObjectStore {
  return {
    put: async (name, chunks) => {
      await reach(id, `put ${id} ${name}`);
      return store.put(name, chunks);
    },
    getRange: async (name, range) => {
      await reach(id, `getRange ${id} ${name}`);
      return store.getRange(name, range);
    },
    getTail: async (name, length) => {
      await reach(id, `getTail ${id} ${name}`);
      return store.getTail(name, length);
    },
    upload: (name) =>
      gatheredUpload(async (chunks) => {
        await reach(id, `put ${id} ${name}`);
        await store.put(name, chunks);
      }),
    archive: async (name, storageClass) => {
      await reach(id, `archive ${id} ${name}`);
      return store.archive(name, storageClass);
    },
    delete: async (names) => {
      await reach(id, `delete ${id} ${names.join(' ')}`);
      return store.delete(names);
    },
    list: async (prefix, cursor) => {
      await reach(id, `list ${id} ${prefix}`);
      return store.list(prefix, cursor);
    },
    presign: (name, range, expiresInMs) => store.presign(name, range, expiresInMs),
  };
}

const random = seededRandom(77);

export interface Appended {
  commit: Commit;
  name: string;
  head: LedgerHead;
}

/**
 * Appends a commit of one record in slot 0, whose object is in the buckets of its holders (and `at`, without its saying
 * so).
 */
export async function append(
  { clock, metadata, buckets }: ReplicaWorld,
  holders: readonly number[],
  {
    at = holders,
    object = newObjectId(clock.now(), random),
    part = 0,
    inline = false,
    producers,
  }: {
    at?: readonly number[];
    object?: ObjectId;
    part?: number;
    inline?: boolean;
    producers?: readonly ProducerChange[];
  } = {},
): Promise<Appended> {
  const head = decodeHead((await metadata.get(headKey(LEDGER), 'strong')) ?? {});
  const tier = inline ? 'inline' : 'segments';
  const name = objectName(tier, object);
  if (!inline) for (const replica of at) await buckets[replica]?.store.put(name, [Uint8Array.of(1, 2, 3)]);
  const commit: Commit = {
    tier,
    object,
    part,
    position: 0,
    runs: [{ slot: 0, bytes: 3, records: 1, maxTimestamp: clock.now(), crc32c: 0 }],
    replicated: { holders: maskOf(holders), epoch: head.epoch },
  };
  const { epoch, isrVersion, sealed } = head;
  const plan = planAppend({ ledger: LEDGER, commit, epoch, isrVersion, seen: sealed, producers });
  const result = await metadata.write([plan]);
  expect(result.outcome).toBe('applied');
  return { commit, name, head: decodeHead(result.item ?? {}) };
}

export async function viewOf({ metadata }: Pick<ReplicaWorld, 'metadata'>): Promise<LedgerView> {
  const item = await metadata.get(headKey(LEDGER), 'strong');
  const view = item && ledgerView(LEDGER, decodeHead(item));
  if (view === undefined) throw new Error('the ledger is replicated');
  return view;
}

export async function stateOf(world: Pick<ReplicaWorld, 'metadata'>) {
  const { state, epoch } = await viewOf(world);
  return { leader: state.leader, inSync: members(state.inSync), joining: members(state.joining), epoch };
}

/** What a process sends to a replica meanwhile: its health is judged by that. */
export async function send({ replicas }: ReplicaProcess, replica: number, times = 1): Promise<void> {
  for (let n = 0; n < times; n++) {
    for (const { outcome } of replicas.putTo(1 << replica, 'segments/1/traffic', [Uint8Array.of(0)])) await outcome;
  }
}

/** A replica that is down, or that the process does not reach, has failed for it then. */
export async function fail({ clock }: ReplicaWorld, process: ReplicaProcess, replica: number): Promise<void> {
  await send(process, replica, replicationLimits.replicaFailuresMin);
  await clock.advance(replicationLimits.replicaFailingMsMin);
  await send(process, replica);
}

/** Looks once a second for so long, and sends something to these replicas before each look. */
export async function lookFor(
  world: ReplicaWorld,
  process: ReplicaProcess,
  seconds: number,
  { rules = RULES, traffic = [] }: { rules?: ReplicationRules; traffic?: readonly number[] } = {},
): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    for (const replica of traffic) await send(process, replica, 2);
    await process.broker.keeper.look(LEDGER, rules);
    await process.broker.keeper.settled();
    await world.clock.advance(1_000);
  }
}
