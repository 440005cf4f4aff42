/** An object store whose objects are in one of three replicas each, so that every read has to find its object. */
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import type { ReplicaSet } from '../../lib/storage/objects/replicated.ts';

export function scattered(set: ReplicaSet): ObjectStore {
  return {
    put: async (name, chunks) => {
      for (const { outcome } of set.putTo(placeOf(name), name, chunks)) {
        const settled = await outcome;
        if (settled.put === 'failed') throw settled.error;
      }
    },
    upload: (name) => set.uploadTo(placeOf(name), name).toAll(),
    archive: (name, storageClass) => set.archive(name, storageClass),
    getRange: (name, range) => set.getRange(name, range),
    getTail: (name, length) => set.getTail(name, length),
    delete: (names) => set.delete(names),
    list: (prefix, cursor) => set.list(prefix, cursor),
    presign: (name, range, expiresInMs) => set.presign(name, range, expiresInMs),
  };
}

/** One replica, as a mask. */
function placeOf(name: string): number {
  const number = Buffer.from(name).reduce((sum, byte) => sum + byte, 0);
  return 1 << (number % 3);
}
