import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDirectoryObjectStore } from '../../lib/storage/objects/directory.ts';
import { runInThreads } from './pool.ts';
import { simulate } from './world.ts';

/** `npm run simulate -- --histories N` runs as many as one likes. */
const HISTORIES = 250;
const FIRST_SEED = 1;

describe('the log, its producers, transactions and replicas under faults', () => {
  it(`keeps its guarantees in ${HISTORIES} histories`, async () => {
    const summary = await runInThreads({ histories: HISTORIES, firstSeed: FIRST_SEED });
    expect(summary.failed.map(({ seed, violations }) => ({ seed, violations: violations.slice(0, 3) }))).toEqual([]);
    // A history in which nothing is written or nothing goes wrong would show nothing.
    expect(summary.acked).toBeGreaterThan(HISTORIES * 30);
    // Topics come and go in the histories of the log alone.
    expect(summary.deleted).toBeGreaterThan(HISTORIES / 2);
    for (const kind of ['throttle', 'lostRequest', 'lostResponse', 'lateRequest', 'duplicate']) {
      expect(summary.faults[kind], kind).toBeGreaterThan(HISTORIES);
    }
    for (const [kind, count] of Object.entries(summary.producers)) {
      expect(count, kind).toBeGreaterThan(HISTORIES / 10);
    }
    for (const [kind, count] of Object.entries(summary.replicas)) {
      expect(count, kind).toBeGreaterThan(HISTORIES / 60);
    }
  });

  it('keeps its guarantees over a directory', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const root = await mkdtemp(join(tmpdir(), 'millrace-simulation-'));
      try {
        const bucket = await openDirectoryObjectStore({ root });
        expect((await simulate({ seed, bucket })).violations).toEqual([]);
      } finally {
        await rm(root, { recursive: true });
      }
    }
  });
});

describe('the simulation itself', () => {
  it.each([
    { of: 'the log', seed: 42 },
    { of: 'producers', seed: 44 },
    { of: 'replicas', seed: 45 },
    { of: 'groups', seed: 47 },
    { of: 'triggers', seed: 43 },
    { of: 'the lifecycle', seed: 46 },
  ])('gives the same history of $of for the same seed, and another for another', async ({ seed }) => {
    const first = await simulate({ seed });
    const again = await simulate({ seed });
    const other = await simulate({ seed: seed + 4 });
    expect(again).toEqual(first);
    expect(other.fingerprint).not.toBe(first.fingerprint);
  });
});
