/**
 * Two object stores as one: small objects inline in the metadata table, all others in a bucket. An object's name says
 * where it is, by its first segment, so that reading needs no look-up.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { Tier } from '../../log/segment/object-name.ts';
import { INLINE_PREFIX } from './inline-item.ts';
import type { ByteRange, ListPage, ObjectName, ObjectStore, PresignedUrl } from './port.ts';

export interface TieredObjectStoreOptions {
  /** Holds what is named `inline/…`. */
  inline: ObjectStore;
  /** Holds everything else. */
  bucket: ObjectStore;
  /** The largest object that is stored inline; 0 or less stores none there. */
  inlineBytesMax: number;
}

export interface TieredObjectStore extends ObjectStore {
  /** Where an object of this size is to live; the first segment of its name. */
  tierFor(bytes: number): Tier;
}

export function createTieredObjectStore(options: TieredObjectStoreOptions): TieredObjectStore {
  const { inline, bucket, inlineBytesMax } = options;
  const storeOf = (name: ObjectName) => (isInline(name) ? inline : bucket);
  return {
    tierFor: (bytes) => (bytes <= inlineBytesMax && inlineBytesMax > 0 ? 'inline' : 'segments'),
    put: (name: ObjectName, chunks: readonly Uint8Array[]) => storeOf(name).put(name, chunks),
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

function isInline(name: ObjectName): boolean {
  return name.startsWith(INLINE_PREFIX);
}
