import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../lib/kernel/clock.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { openDirectoryObjectStore } from '../../lib/storage/objects/directory.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createLocalPresigner } from '../../lib/storage/objects/local-presign.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import { ReplicaSet } from '../../lib/storage/objects/replicated.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { INLINE } from '../support/inline-names.ts';
import { scattered } from '../support/scattered-replicas.ts';
import { objectStoreContract, SEGMENTS } from './object-store.ts';

const clock = systemClock;
const presigner = createLocalPresigner({ secret: new Uint8Array(32), baseUrl: () => 'http://127.0.0.1', clock });

async function makeDirectory(fsync: boolean) {
  const root = await mkdtemp(join(tmpdir(), 'millrace-'));
  const store = await openDirectoryObjectStore({ root, presigner, fsync });
  return { store, close: () => rm(root, { recursive: true }) };
}

function makeInline() {
  const metadata = openSqliteMetadataStore({ path: ':memory:' });
  return { store: createInlineObjectStore({ metadata, clock }), close: () => metadata.close() };
}

async function makeTiered() {
  const { store: inline, close } = makeInline();
  const bucket = createMemoryObjectStore({ presigner });
  return { store: createTieredObjectStore({ inline, bucket, inlineBytesMax: 4096 }), close };
}

async function makeReplicated() {
  const directories = await Promise.all([makeDirectory(false), makeDirectory(false)]);
  const stores = [createMemoryObjectStore({ presigner }), ...directories.map(({ store }) => store)];
  const replicas = stores.map((store, id) => ({ id, name: `${id}`, rack: `zone-${id}`, store }));
  const store = scattered(new ReplicaSet({ replicas, clock, order: { rack: 'zone-1' } }));
  return { store, close: async () => void (await Promise.all(directories.map(({ close }) => close()))) };
}

/** A stack's own bucket and another one, in front of which small objects are inline. */
async function makeTieredReplicated() {
  const { store: inline, close: closeInline } = makeInline();
  const { store: directory, close: closeDirectory } = await makeDirectory(false);
  const stores = [createMemoryObjectStore({ presigner }), directory];
  const replicas = stores.map((store, id) => ({ id, name: `${id}`, rack: `zone-${id}`, store }));
  const bucket = new ReplicaSet({ replicas, clock, order: { rack: 'zone-1' } });
  const store = createTieredObjectStore({ inline, bucket, assignable: [1], inlineBytesMax: 4096 });
  return { store, close: async () => void (await Promise.all([closeInline(), closeDirectory()])) };
}

objectStoreContract('directory', { ...SEGMENTS, makeStore: () => makeDirectory(false) });
objectStoreContract('directory with fsync', { ...SEGMENTS, manyObjects: 20, makeStore: () => makeDirectory(true) });
objectStoreContract('memory', {
  ...SEGMENTS,
  makeStore: async () => ({ store: createMemoryObjectStore({ presigner }) }),
});
objectStoreContract('inline over sqlite', { ...INLINE, makeStore: async () => makeInline() });
objectStoreContract('tiered, its bucket', { ...SEGMENTS, makeStore: makeTiered });
objectStoreContract('tiered, its inline tier', { ...INLINE, makeStore: makeTiered });
objectStoreContract('tiered, its replicas', { ...SEGMENTS, manyObjects: 300, makeStore: makeTieredReplicated });
objectStoreContract('tiered over replicas, its inline tier', { ...INLINE, makeStore: makeTieredReplicated });
objectStoreContract('replicated', { ...SEGMENTS, manyObjects: 300, makeStore: makeReplicated });
