/** Any commit, page and head that the formats can hold, for properties. */
import * as fc from 'fast-check';
import { encodeReplication, initialReplication } from '../../lib/coordination/replication/replica-state.ts';
import type { LedgerId, ObjectId } from '../../lib/kernel/ids.ts';
import { OBJECT_RANDOM_BYTES } from '../../lib/kernel/ids.ts';
import { ledgerLimits } from '../../lib/kernel/limits/ledger.ts';
import { topicLimits } from '../../lib/kernel/limits/topics.ts';
import type { BundleEntry } from '../../lib/log/ledger/bundle.ts';
import type { Commit } from '../../lib/log/ledger/commit.ts';
import type { LedgerHead } from '../../lib/log/ledger/head.ts';
import type { Page } from '../../lib/log/ledger/page.ts';
import type { Run } from '../../lib/log/segment/footer.ts';

const SLOTS = topicLimits.partitionsPerLedgerMax;

export const LEDGER: LedgerId = { topicId: 'AAAAAAAAQACAAAAAAAAAAA', index: 0 };

/** Small numbers more often than large ones, and the largest too. */
const count = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));

const timestamp = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.maxSafeNat().map((ms) => ms % (topicLimits.timestampMsMax + 1)),
  fc.constantFrom(0, 1, topicLimits.timestampMsMax),
);

const uint32 = fc.nat({ max: 2 ** 32 - 1 });

export const objectId: fc.Arbitrary<ObjectId> = fc.record({
  birthMs: timestamp,
  random: fc.uint8Array({ minLength: OBJECT_RANDOM_BYTES, maxLength: OBJECT_RANDOM_BYTES }),
});

export const runs: fc.Arbitrary<Run[]> = fc.uniqueArray(fc.nat({ max: SLOTS - 1 }), { minLength: 1 }).chain((slots) =>
  fc.tuple(
    ...slots
      .sort((a, b) => a - b)
      .map((slot) =>
        fc.record({
          slot: fc.constant(slot),
          bytes: count,
          records: count.map((records) => Math.max(1, records)),
          maxTimestamp: timestamp,
          crc32c: uint32,
        }),
      ),
  ),
);

const replicated = fc.record({ holders: fc.nat({ max: 255 }), epoch: fc.nat() });

/** One that names an object. */
export const plainCommit: fc.Arbitrary<Commit> = fc.record(
  {
    tier: fc.constantFrom('inline' as const, 'segments' as const),
    object: objectId,
    part: fc.nat({ max: 255 }),
    position: count,
    runs,
    replicated,
    alone: fc.constant(true),
  },
  { requiredKeys: ['tier', 'object', 'part', 'position', 'runs'] },
);

const bundleEntry: fc.Arbitrary<BundleEntry> = fc.record(
  {
    tier: fc.constantFrom('inline' as const, 'segments' as const),
    object: objectId,
    part: fc.nat({ max: 255 }),
    position: fc.constant(0),
    runs: runs.map((own) => own.map((run) => ({ ...run, crc32c: 0 }))),
    bundle: fc.integer({ min: 1, max: 999 }),
    replicated,
  },
  { requiredKeys: ['tier', 'object', 'part', 'position', 'runs', 'bundle'] },
);

export const commit: fc.Arbitrary<Commit> = fc.oneof({ weight: 3, arbitrary: plainCommit }, bundleEntry);

const perSlot = (arbitrary: fc.Arbitrary<number>) => fc.array(arbitrary, { minLength: SLOTS, maxLength: SLOTS });

export const page: fc.Arbitrary<Page> = fc.record(
  {
    sequence: fc.nat({ max: 10 ** 12 - 1 }),
    epoch: fc.nat(),
    bases: perSlot(count),
    maxTimestamps: perSlot(fc.oneof(fc.constant(-1), timestamp)),
    commits: fc.array(commit, { maxLength: 10 }),
    firstCommit: fc.nat(),
  },
  { requiredKeys: ['sequence', 'epoch', 'bases', 'maxTimestamps', 'commits'] },
);

const replication = fc
  .subarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 1 })
  .map((replicas) => encodeReplication(initialReplication(replicas)))
  .chain((attributes) =>
    fc
      .option(fc.nat(), { nil: undefined })
      .map((l) => (l === undefined ? attributes : Object.assign(attributes, { l }))),
  );

const singleHead: fc.Arbitrary<LedgerHead> = fc.record({
  version: fc.maxSafeNat(),
  epoch: fc.nat(),
  isrVersion: fc.nat(),
  next: perSlot(count),
  start: perSlot(count),
  tail: fc.array(commit, { maxLength: 10 }),
  recent: fc.array(fc.uint8Array({ minLength: 9, maxLength: 9 }), { maxLength: 20 }),
  recentSealed: fc.array(fc.nat(), { maxLength: ledgerLimits.sealsRemembered }),
  sealed: fc.nat(),
  merged: fc.nat(),
  retired: fc.nat(),
  swept: timestamp,
  bytes: fc.maxSafeNat(),
  producers: fc.map(fc.stringMatching(/^[A-Za-z0-9_-]{12}$/), fc.uint8Array({ maxLength: 40 }), { maxKeys: 5 }),
});

export const head: fc.Arbitrary<LedgerHead> = fc.oneof(
  singleHead,
  fc.tuple(singleHead, replication).map(([single, attributes]) => Object.assign(single, { replication: attributes })),
);
