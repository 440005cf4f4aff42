/** What caches may do with the bytes behind signed URLs. */
import { storageLimits } from '../../kernel/limits/storage.ts';

/**
 * An object never changes, and another one never has its name. `public`, because the URL is the permission and a
 * cache's key. Not for longer than URLs live: nobody asks with one after that, and what is deleted or erased shall be
 * gone from caches too.
 */
export const OBJECT_CACHE_CONTROL = `public, max-age=${storageLimits.presignedUrlMs / 1_000}, immutable`;
