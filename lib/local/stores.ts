/** The stores that the options ask for, opened. The AWS SDK is loaded only where it is used. */
import type { ReplicaId } from '../coordination/replication/replica-state.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import type { MetadataStore, TableScan } from '../storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../storage/metadata/sqlite.ts';
import { openDirectoryObjectStore } from '../storage/objects/directory.ts';
import { createInlineObjectStore } from '../storage/objects/inline.ts';
import { createLocalPresigner, type LocalPresigner } from '../storage/objects/local-presign.ts';
import { createMemoryObjectStore } from '../storage/objects/memory.ts';
import type { ObjectStore } from '../storage/objects/port.ts';
import { ReplicaSet } from '../storage/objects/replicated.ts';
import { createTieredObjectStore, type TieredObjectStore } from '../storage/objects/tiered.ts';
import { openDataDirectory } from './data-directory.ts';
import type { Logger } from './logger.ts';
import type { LocalOptions } from './options.ts';
import { type ListedDirectory, openReplicaDirectories } from './replica-directories.ts';

export interface Stores {
  metadata: MetadataStore & TableScan;
  objects: TieredObjectStore;
  /** Checks the URLs of objects that this process serves itself. */
  objectUrls?: LocalPresigner;
  close(): Promise<void>;
}

export interface StoresContext {
  clock: Clock;
  random: Random;
  /** Where clients reach this server; asked for when a URL is signed. */
  baseUrl: () => string;
  log: Logger;
}

/** What of the options says where the stores are. */
type StorageNeeds = Pick<LocalOptions, 'storage' | 'inlineBytesMax'>;

const SECRET_BYTES = 32;

/** Throws a `MillraceError` that says why the storage cannot be used. */
export async function openStores(options: StorageNeeds, context: StoresContext): Promise<Stores> {
  const { storage } = options;
  switch (storage.kind) {
    case 'memory':
      return openMemory(options, context);
    case 'directory':
      return openDirectory(options, context, storage);
    case 'aws': {
      const { openAwsStores } = await import('./aws-stores.ts');
      const aws = await openAwsStores(storage, context);
      const { metadata, bucket, assignable } = aws;
      const objects = tiered(options, context, { metadata, bucket, assignable });
      return { metadata, objects, close: () => aws.close() };
    }
  }
}

function openMemory(options: StorageNeeds, context: StoresContext): Stores {
  const metadata = openSqliteMetadataStore({ path: ':memory:', clock: context.clock });
  const objectUrls = createLocalPresigner({ ...context, secret: context.random.bytes(SECRET_BYTES) });
  const bucket = createMemoryObjectStore({ presigner: objectUrls });
  const objects = tiered(options, context, { metadata, bucket });
  return { metadata, objects, objectUrls, close: () => metadata.close() };
}

async function openDirectory(
  options: StorageNeeds,
  context: StoresContext,
  { path, fsync, replicas: listed }: { path: string; fsync: boolean; replicas: readonly ListedDirectory[] },
): Promise<Stores> {
  const { metadata, objectsRoot, secret } = await openDataDirectory({ path, fsync, ...context });
  const objectUrls = createLocalPresigner({ ...context, secret });
  try {
    const own = await openDirectoryObjectStore({ root: objectsRoot, fsync, presigner: objectUrls });
    const { clock, random, log } = context;
    const directories = { dataDirectory: path, own, listed, fsync, presigner: objectUrls, random, log };
    const opened = await openReplicaDirectories(directories);
    const bucket = opened === undefined ? own : new ReplicaSet({ replicas: opened.replicas, clock });
    const objects = tiered(options, context, { metadata, bucket, assignable: opened?.assignable });
    return { metadata, objects, objectUrls, close: () => metadata.close() };
  } catch (error) {
    await metadata.close();
    throw error;
  }
}

function tiered(
  { inlineBytesMax }: StorageNeeds,
  { clock, random }: StoresContext,
  parts: { metadata: MetadataStore; bucket: ObjectStore; assignable?: readonly ReplicaId[] },
): TieredObjectStore {
  const { metadata, bucket, assignable } = parts;
  return createTieredObjectStore({
    inline: createInlineObjectStore({ metadata, clock, random }),
    bucket,
    assignable,
    inlineBytesMax,
  });
}
