import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { signingTimeMs } from '../../../lib/storage/objects/url-life.ts';

const times = fc.integer({ min: 0, max: Date.UTC(2100, 0) });
const lives = fc.integer({ min: 3_000, max: 7 * 24 * 60 * 60 * 1_000 });

test('a URL is signed in the past, in whole seconds, with two thirds of its life before it', () => {
  fc.assert(
    fc.property(times, lives, (nowMs, livesMs) => {
      const signedMs = signingTimeMs(nowMs, livesMs);
      expect(signedMs).toBeLessThanOrEqual(nowMs);
      expect(signedMs % 1_000).toBe(0);
      expect(signedMs + livesMs - nowMs).toBeGreaterThanOrEqual((livesMs * 2) / 3);
    }),
  );
});

test('those of the same five minutes are signed at the same time, and others at another', () => {
  const at = (ms: number) => signingTimeMs(ms, storageLimits.presignedUrlMs);
  expect([0, 1, 299_999].map(at)).toEqual([0, 0, 0]);
  expect([300_000, 599_999].map(at)).toEqual([300_000, 300_000]);
});
