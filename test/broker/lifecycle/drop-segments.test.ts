/** Segments go once the log start is beyond them: all of those, with one transaction, and no others. */
import { describe, expect, it } from 'vitest';
import { clearCondemned } from '../../../lib/broker/lifecycle/clear-condemned.ts';
import { deleteRecords } from '../../../lib/broker/lifecycle/delete-records.ts';
import { dropSegments } from '../../../lib/broker/lifecycle/drop-segments.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { makeBroker, makeStores, makeTopic } from '../../support/broker.ts';
import { condemnedObjects, mergedObjects, mergePageByPage, namesOf, segmentsOf } from '../../support/merging.ts';
import { plain } from '../../support/sequenced.ts';

const PAGES = 4;
const PAGE_RECORDS = 3;

/** Two partitions with segments of three records each. */
async function segmented() {
  const stores = makeStores();
  const writer = await makeTopic({ stores, partitions: 2 });
  const { ledger, broker } = writer;
  for (let page = 0; page < PAGES; page++) {
    for (let count = 0; count < PAGE_RECORDS; count++) for (const slot of [0, 1]) await plain(writer, slot);
    await broker.sealer.seal(ledger);
  }
  await mergePageByPage(writer, ledger);
  const drop = async () => dropSegments(broker, await broker.topics.get('t'), ledger);
  const deleteBefore = (partition: number, offset: number) =>
    deleteRecords(broker, { topic: 't', partitions: [{ partition, before: { at: 'offset', offset } }] });
  const bases = async (partition: number) => (await segmentsOf(stores, ledger, partition)).map(({ base }) => base);
  return { stores, writer, ledger, drop, deleteBefore, bases };
}

describe('segments below the log start', () => {
  it('go, and are deleted after a grace', async () => {
    const { stores, writer, ledger, drop, deleteBefore, bases } = await segmented();
    expect(await drop()).toBe(0);
    const [first, second] = await segmentsOf(stores, ledger, 0);
    await deleteBefore(0, 2 * PAGE_RECORDS);
    expect(await drop()).toBe(2);
    expect(await bases(0)).toEqual([6, 9]);
    expect(await bases(1)).toEqual([0, 3, 6, 9]);
    const gone = namesOf([first, second].filter((segment) => segment !== undefined));
    expect((await condemnedObjects(stores, ledger)).toSorted()).toEqual(gone);
    expect(await mergedObjects(stores)).toEqual(expect.arrayContaining(gone));
    await stores.clock.advance(mergingLimits.lifecycleGraceMs + 1);
    expect(await clearCondemned(writer.broker, ledger)).toEqual({ objects: 2, waiting: 0 });
    expect(await drop()).toBe(0);
  });

  it('stay while they have a record at the log start', async () => {
    const { drop, deleteBefore, bases } = await segmented();
    await deleteBefore(0, 2 * PAGE_RECORDS - 1);
    expect(await drop()).toBe(1);
    expect(await bases(0)).toEqual([3, 6, 9]);
  });

  it('go all of them where nothing is left, of all partitions at once', async () => {
    const { stores, ledger, drop, deleteBefore, bases } = await segmented();
    for (const partition of [0, 1]) await deleteBefore(partition, PAGES * PAGE_RECORDS);
    expect(await drop()).toBe(2 * PAGES);
    expect([await bases(0), await bases(1)]).toEqual([[], []]);
    expect(await condemnedObjects(stores, ledger)).toHaveLength(2 * PAGES);
  });

  it('are left to the next look by who is overtaken', async () => {
    const { stores, ledger, deleteBefore, drop, bases } = await segmented();
    await deleteBefore(0, PAGE_RECORDS);
    const slow = makeBroker({ stores });
    slow.metadata.onWrite = async (proceed) => {
      slow.metadata.onWrite = undefined;
      await drop();
      return proceed();
    };
    expect(await dropSegments(slow.broker, await slow.broker.topics.get('t'), ledger)).toBe(0);
    expect(await bases(0)).toEqual([3, 6, 9]);
    expect(await condemnedObjects(stores, ledger)).toHaveLength(1);
  });
});
