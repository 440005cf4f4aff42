import { expect, it } from 'vitest';
import { Loan } from '../../../lib/broker/read/loan.ts';
import { type Extent, SegmentReader } from '../../../lib/broker/read/segment-reader.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import type { TieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { makeStores } from '../../support/broker.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const BYTES = 10;

/** Extents of one object after the other; bytes that are read are all of the extent's number. */
const extent = (number: number): Extent => ({
  name: 'merged/object',
  blocks: [],
  position: number * BYTES,
  bytes: BYTES,
  baseOffset: number,
  endOffset: number + 1,
});

function made() {
  const getRange: TieredObjectStore['getRange'] = async (_name, range) =>
    new Uint8Array(BYTES).fill((range?.start ?? 0) / BYTES);
  const objects = { reading: () => ({ getRange }) } as unknown as TieredObjectStore;
  const segments = new SegmentReader({ metadata: makeStores().metadata, objects, clock: new ManualClock() });
  const readOthers = async () => {
    for (let number = 1; number <= storageLimits.segmentExtentCacheEntries; number++) {
      await segments.read(extent(number), { isChecked: false });
    }
  };
  return { segments, readOthers };
}

it('gives the memory of an extent back when cache and readers are done with it', async () => {
  const { segments, readOthers } = made();
  const [loan, other] = [new Loan(), new Loan()];
  const bytes = await segments.read(extent(0), { isChecked: false, loan });
  expect(await segments.read(extent(0), { isChecked: false, loan: other })).toBe(bytes);
  other.end();
  await readOthers();
  expect(bytes).toEqual(new Uint8Array(BYTES));
  loan.end();
  await Promise.resolve();
  expect(bytes).toHaveLength(0);
});

it('lends an extent that the cache lets go of while it is read', async () => {
  const { segments, readOthers } = made();
  const loan = new Loan();
  const reading = segments.read(extent(100), { isChecked: false, loan });
  await readOthers();
  expect(await reading).toEqual(new Uint8Array(BYTES).fill(100));
  loan.end();
  await Promise.resolve();
  expect(await reading).toHaveLength(0);
});

it('leaves an extent to who may look at it for ever', async () => {
  const { segments, readOthers } = made();
  const bytes = await segments.read(extent(0), { isChecked: true });
  const loan = new Loan();
  await segments.read(extent(0), { isChecked: false, loan });
  await readOthers();
  loan.end();
  await Promise.resolve();
  expect(bytes).toHaveLength(BYTES);
});
