/** Brokers over real embedded stores in memory, with a clock that the test moves. */
import { afterEach } from 'vitest';
import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { type CreateTopicRequest, createTopic } from '../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import type { LedgerId } from '../../lib/kernel/ids.ts';
import type { Attributes } from '../../lib/kernel/items.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { type Random, seededRandom } from '../../lib/kernel/random.ts';
import { decodeHead, headKey, type LedgerHead } from '../../lib/log/ledger/head.ts';
import { type LocatedRun, runsInPage, runsInTail } from '../../lib/log/ledger/locate.ts';
import { decodePage, type Page, pageKey } from '../../lib/log/ledger/page.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import type { NewRecord } from '../../lib/log/record-batch/record.ts';
import { hourOf } from '../../lib/log/segment/object-name.ts';
import { ledgerOf } from '../../lib/log/topic/topic.ts';
import type { MetadataStore, TableScan } from '../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createLocalPresigner, type LocalPresigner } from '../../lib/storage/objects/local-presign.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import type { Spool } from '../../lib/storage/objects/spool.ts';
import { createTieredObjectStore, type TieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { InterceptedMetadata, InterceptedObjects } from './intercepted-stores.ts';
import { ManualClock } from './manual-clock.ts';

const opened: MetadataStore[] = [];

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

/** What several processes share. */
export interface Stores {
  metadata: MetadataStore & TableScan;
  objects: TieredObjectStore;
  presigner: LocalPresigner;
  clock: ManualClock;
}

export interface MakeStoresOptions {
  clock?: ManualClock;
  /** 0, the default, keeps every object in the bucket. */
  inlineBytesMax?: number;
}

export function makeStores({ clock = new ManualClock(), inlineBytesMax = 0 }: MakeStoresOptions = {}): Stores {
  const metadata = openSqliteMetadataStore({ path: ':memory:' });
  opened.push(metadata);
  const presigner = createLocalPresigner({
    secret: new Uint8Array(32).fill(7),
    baseUrl: () => 'http://127.0.0.1:8080',
    clock,
  });
  const inline = createInlineObjectStore({ metadata, clock });
  const objects = createTieredObjectStore({ inline, bucket: createMemoryObjectStore({ presigner }), inlineBytesMax });
  return { metadata, objects, presigner, clock };
}

/** One process: a broker with caches, randomness and a log of its own. */
export interface Process {
  broker: Broker;
  metadata: InterceptedMetadata;
  objects: InterceptedObjects;
  clock: ManualClock;
  /** What the broker logged, `warn` and `error` alike. */
  logged: { message: string; facts: Record<string, unknown> }[];
}

export interface MakeBrokerOptions {
  stores?: Stores;
  random?: Random;
  cacheBytes?: number;
  spool?: Spool;
}

let processes = 0;

export function makeBroker({ stores = makeStores(), random, cacheBytes, spool }: MakeBrokerOptions = {}): Process {
  const metadata = new InterceptedMetadata(stores.metadata);
  const objects = new InterceptedObjects(stores.objects);
  const logged: Process['logged'] = [];
  const note = (message: string, facts: Record<string, unknown>) => void logged.push({ message, facts });
  const broker = createBroker({
    metadata,
    objects,
    compression: nodeCompression,
    clock: stores.clock,
    random: random ?? seededRandom(++processes),
    log: { info: () => {}, warn: note, error: note },
    cacheBytes,
    spool,
  });
  return { broker, metadata, objects, clock: stores.clock, logged };
}

/** A process with a topic `t`. */
export async function makeTopic(
  options: MakeBrokerOptions & Omit<CreateTopicRequest, 'name'> = {},
): Promise<Process & { ledger: LedgerId }> {
  const { stores, random, cacheBytes, ...request } = options;
  const process = makeBroker({ stores, random, cacheBytes });
  await createTopic(process.broker, { name: 't', ...request });
  const { ledger } = ledgerOf(await process.broker.topics.get('t'), 0);
  process.metadata.forget();
  return { ...process, ledger };
}

export function record(value: string, fields: Partial<NewRecord> = {}): NewRecord {
  return { timestamp: Date.UTC(2026, 0, 1), key: null, value: utf8(value), headers: [], ...fields };
}

/** A batch with these values as records, as a producer makes it. */
export function batchOf(...values: string[]): Uint8Array {
  return encodeBatch(values.map((value) => record(value)));
}

/** Everything that a slot of a ledger holds, read from the store itself. */
export async function runsOf(metadata: MetadataStore, ledger: LedgerId, slot: number): Promise<LocatedRun[]> {
  const head = await headOf(metadata, ledger);
  const pages: Page[] = [];
  for (let sequence = 0; sequence < head.sealed; sequence++) {
    pages.push(decodePage(sequence, (await metadata.get(pageKey(ledger, sequence), 'strong')) as Attributes));
  }
  return [...pages.flatMap((page) => runsInPage(page, slot)), ...runsInTail(head, slot)];
}

export async function headOf(metadata: MetadataStore, ledger: LedgerId): Promise<LedgerHead> {
  return decodeHead((await metadata.get(headKey(ledger), 'strong')) as Attributes);
}

/** The names of all objects born within a day of now. */
export async function objectNames({ clock, objects }: Stores | Process): Promise<string[]> {
  const names: string[] = [];
  const hour = hourOf(clock.now());
  for (let back = -1; back <= 24; back++) {
    for (const tier of ['inline', 'segments']) {
      const page = await objects.list(`${tier}/${hour - back}/`);
      names.push(...page.objects.map(({ name }) => name));
    }
  }
  return names;
}

/** As a store says that it did nothing because it was asked for too much. */
export function throttled(): MillraceError {
  return new MillraceError('THROTTLING_QUOTA_EXCEEDED', 'a write was throttled', {
    facts: { retryAfterMs: storageLimits.storageRetryPauseMsMax },
  });
}

/** As a store's adapter says that it does not know what became of a write. */
export function lost(): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', 'the answer was lost', { effect: 'unknown' });
}

export { settled };
