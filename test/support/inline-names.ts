/** Names of inline objects that were born in one hour, for the contract of the object stores. */
import { HOUR_MS } from '../../lib/log/segment/object-name.ts';
import { inlineName } from '../../lib/storage/objects/inline-item.ts';

const HOUR = 490_000;

export const INLINE = {
  prefix: `inline/${HOUR}/`,
  /** Spread over the minutes of the hour and over the shards. */
  name: (index: number): string => {
    const random = Uint8Array.from({ length: 8 }, (_, byte) => (index >> (8 * byte)) & 0xff);
    return inlineName({ birthMs: HOUR * HOUR_MS + ((index * 7_919) % HOUR_MS), random });
  },
  objectBytesMax: 390_000,
  uploadBytes: 390_000,
  archives: false,
  manyObjects: 2_100,
  presigns: false,
};
