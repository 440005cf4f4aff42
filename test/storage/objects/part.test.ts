import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { Part } from '../../../lib/storage/objects/part.ts';

const source = new Uint8Array(storageLimits.uploadPartBytes + 1_000_000).map(
  (_, index) => (index * 2_654_435_761) >>> 24,
);

test('a part is the bytes that it took, whatever they came in, and takes no more than a part has', () => {
  const length = fc.integer({ min: 0, max: 3 * storageLimits.uploadBlockBytes });
  const property = fc.property(fc.array(length, { maxLength: 30 }), (lengths) => {
    const part = new Part();
    let taken = 0;
    for (const wanted of lengths) {
      const chunk = source.subarray(taken, taken + wanted);
      const some = part.fill(chunk);
      expect(some).toBe(Math.min(chunk.length, storageLimits.uploadPartBytes - taken));
      taken += some;
    }
    expect(part.isFull).toBe(taken === storageLimits.uploadPartBytes);
    expect(Buffer.compare(Buffer.concat(part.chunks), source.subarray(0, taken))).toBe(0);
  });
  fc.assert(property, { numRuns: 30 });
});
