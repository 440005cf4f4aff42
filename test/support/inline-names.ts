/** Names of inline objects that were born in one hour, for the contract of the object stores. */
import { inlineName } from '../../lib/storage/objects/inline-item.ts';

const HOUR = 490_000;

export const INLINE = {
  prefix: `inline/${HOUR}/`,
  /** Spread over the minutes of the hour and over the shards. */
  name: (index: number): string => {
    const random = Uint8Array.from({ length: 8 }, (_, byte) => (index >> (8 * byte)) & 0xff);
    return inlineName({ birthMs: HOUR * 3_600_000 + ((index * 7_919) % 3_600_000), random });
  },
  objectBytesMax: 390_000,
  manyObjects: 2_100,
  presigns: false,
};
