/** An object store whose objects are in one of three replicas each, so that every read has to find its object. */
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import type { ReplicaSet } from '../../lib/storage/objects/replicated.ts';

export function scattered(set: ReplicaSet): ObjectStore {
  return {
    put: async (name, chunks) => {
      const number = Buffer.from(name).reduce((sum, byte) => sum + byte, 0);
      for (const { outcome } of set.putTo(1 << (number % 3), name, chunks)) {
        const settled = await outcome;
        if (settled.put === 'failed') throw settled.error;
      }
    },
    getRange: (name, range) => set.getRange(name, range),
    getTail: (name, length) => set.getTail(name, length),
    delete: (names) => set.delete(names),
    list: (prefix, cursor) => set.list(prefix, cursor),
    presign: (name, range, expiresInMs) => set.presign(name, range, expiresInMs),
  };
}
