/**
 * Two object stores as one: small objects inline in the metadata table, all others in a bucket. An object's name says
 * where it is, by its first segment, so that reading needs no look-up.
 */
import { maskOf, members, type ReplicaId, type ReplicaMask } from '../../coordination/replication/replica-state.ts';
import { assert } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import type { ArchiveClass } from '../../log/segment/archive-class.ts';
import type { CommitTier } from '../../log/segment/object-name.ts';
import { INLINE_PREFIX } from './inline-item.ts';
import type { ByteRange, ListPage, ObjectName, ObjectStore, PresignedUrl } from './port.ts';
import { notGiven, type PutOutcome, type ReadOrder, ReplicaSet } from './replicated.ts';
import { JoinedUpload, type ReplicaUpload } from './replicated-upload.ts';

export interface TieredObjectStoreOptions {
  /** Holds what is named `inline/…`. */
  inline: ObjectStore;
  /** Holds everything else: a bucket, or several as one. */
  bucket: ObjectStore;
  /** Which of several hold what is replicated; by default all of them. */
  assignable?: readonly ReplicaId[];
  /** The largest object that is stored inline; 0 or less stores none there. */
  inlineBytesMax: number;
}

export interface TieredObjectStore extends ObjectStore {
  /** Where an object of this size is to live; the first segment of its name. */
  tierFor(bytes: number): CommitTier;
  /** The stack's buckets, where there are several. */
  readonly replicas: ReplicaSet | undefined;
  /** The replicas that replicated ledgers may have. */
  readonly assignable: readonly ReplicaId[];
  /**
   * Begins to store the object in each of these replicas. An object that is stored inline is stored once and counts as
   * held by all of them. The only bucket there is, is replica 0, and any other counts as one that fails.
   */
  putTo(targets: ReplicaMask, name: ObjectName, chunks: readonly Uint8Array[]): PutTo[];
  /** The same of an object that comes in pieces. It is not stored inline. */
  uploadTo(targets: ReplicaMask, name: ObjectName): ReplicaUpload;
  /** The same objects, read from replicas in this order. */
  reading(order: ReadOrder): Pick<ObjectStore, 'getRange' | 'presign'>;
}

/** Whatever their number: bit n for replica n. */
const ALL_REPLICAS: ReplicaMask = 2 ** replicationLimits.replicasMax - 1;

/** Number of the only bucket, where there are no others. */
const OWN_ID: ReplicaId = 0;

/** One upload, and whose it is. */
export interface PutTo {
  replicas: ReplicaMask;
  /** Never rejects. */
  outcome: Promise<PutOutcome>;
}

export function createTieredObjectStore(options: TieredObjectStoreOptions): TieredObjectStore {
  const { inline, bucket, inlineBytesMax } = options;
  const storeOf = (name: ObjectName) => (isInline(name) ? inline : bucket);
  const replicas = bucket instanceof ReplicaSet ? bucket : undefined;
  return {
    replicas,
    assignable: options.assignable ?? replicas?.replicas.map(({ id }) => id) ?? [0],

    putTo(targets: ReplicaMask, name: ObjectName, chunks: readonly Uint8Array[]): PutTo[] {
      if (isInline(name)) return [{ replicas: ALL_REPLICAS, outcome: outcomeOf(() => inline.put(name, chunks)) }];
      if (replicas === undefined) {
        return members(targets).map((id) => {
          const put = id === OWN_ID ? () => bucket.put(name, chunks) : () => Promise.reject(notGiven(id));
          return { replicas: maskOf([id]), outcome: outcomeOf(put) };
        });
      }
      const puts = replicas.putTo(targets, name, chunks);
      return puts.map(({ replica, outcome }) => ({ replicas: maskOf([replica]), outcome }));
    },

    uploadTo(targets: ReplicaMask, name: ObjectName): ReplicaUpload {
      assert(!isInline(name), 'what is uploaded in pieces is too large for the table');
      if (replicas !== undefined) return replicas.uploadTo(targets, name);
      const uploads = members(targets).map((id) => [id, id === OWN_ID ? bucket.upload(name) : notGiven(id)] as const);
      return new JoinedUpload({ uploads: new Map(uploads) });
    },

    reading(order: ReadOrder) {
      if (replicas === undefined) return this;
      return createTieredObjectStore({ ...options, bucket: replicas.reading(order) });
    },

    tierFor: (bytes) => (bytes <= inlineBytesMax && inlineBytesMax > 0 ? 'inline' : 'segments'),
    put: (name: ObjectName, chunks: readonly Uint8Array[]) => storeOf(name).put(name, chunks),
    upload: (name: ObjectName) => storeOf(name).upload(name),
    archive: (name: ObjectName, storageClass: ArchiveClass) => storeOf(name).archive(name, storageClass),
    getRange: (name: ObjectName, range?: ByteRange) => storeOf(name).getRange(name, range),
    getTail: (name: ObjectName, length: number) => storeOf(name).getTail(name, length),
    presign: (name: ObjectName, range: ByteRange, expiresInMs: number): Promise<PresignedUrl> =>
      storeOf(name).presign(name, range, expiresInMs),

    async delete(names: readonly ObjectName[]): Promise<void> {
      const [inlineNames, others] = [names.filter(isInline), names.filter((name) => !isInline(name))];
      await Promise.all([
        inlineNames.length > 0 ? inline.delete(inlineNames) : undefined,
        others.length > 0 ? bucket.delete(others) : undefined,
      ]);
    },

    /** The prefix must be of one tier: `inline/<hour>/`, or one that no inline object's name begins with. */
    async list(prefix: string, cursor?: string): Promise<ListPage> {
      if (prefix.startsWith(INLINE_PREFIX)) return inline.list(prefix, cursor);
      if (!INLINE_PREFIX.startsWith(prefix)) return bucket.list(prefix, cursor);
      throw new MillraceError('INVALID_REQUEST', `The prefix ${JSON.stringify(prefix)} is of more than one tier.`);
    },
  };
}

async function outcomeOf(put: () => Promise<void>): Promise<PutOutcome> {
  try {
    await put();
    return { put: 'held' };
  } catch (error) {
    return { put: 'failed', error };
  }
}

function isInline(name: ObjectName): boolean {
  return name.startsWith(INLINE_PREFIX);
}
