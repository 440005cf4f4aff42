import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deleteRecords } from '../../../lib/broker/lifecycle/delete-records.ts';
import { mergePages } from '../../../lib/broker/lifecycle/merge-pages.ts';
import { addToTransaction } from '../../../lib/broker/transactions/add-to-transaction.ts';
import { commitTransaction } from '../../../lib/broker/transactions/commit-transaction.ts';
import { initializeTransactions } from '../../../lib/broker/transactions/initialize-transactions.ts';
import { transact } from '../../../lib/broker/transactions/transact.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { isBundle } from '../../../lib/log/ledger/bundle.ts';
import type { Commit } from '../../../lib/log/ledger/commit.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { headOf, lost, makeBroker, makeStores, throttled } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import {
  AT_ONCE,
  cutOff,
  mergedObjects,
  mergeOnce,
  namesOf,
  pagesOf,
  readBatchesOf,
  segmentsOf,
  writeSlowly,
} from '../../support/merging.ts';
import { actions, buildPartition } from '../../support/random-partition.ts';
import { ALL, readingWorld } from '../../support/reading-world.ts';
import { finished, makeTopics, to } from '../../support/transactions.ts';

describe('merging pages', () => {
  it('leaves every batch as it was served before, in segments that follow each other', async () => {
    await fc.assert(
      fc.asyncProperty(
        actions,
        fc.constantFrom(1, 400, 1_000_000),
        fc.constantFrom(0, 4_096),
        async (list, stepBytesMax, inline) => {
          const partition = await buildPartition(list, inline);
          const { stores, ledger, process } = partition;
          const before = [await readBatchesOf(stores, 0), await readBatchesOf(stores, 1)];
          let steps = 0;
          while ((await mergeOnce(process, ledger, { policy: { ...AT_ONCE, stepBytesMax } })).outcome === 'merged')
            steps++;
          const head = await headOf(stores.metadata, ledger);
          expect(head.merged).toBe(head.sealed);
          expect(steps > 0).toBe(head.sealed > 0);
          expect([await readBatchesOf(stores, 0), await readBatchesOf(stores, 1)]).toEqual(before);
          const segments = [...(await segmentsOf(stores, ledger, 0)), ...(await segmentsOf(stores, ledger, 1))];
          expect(await mergedObjects(stores)).toEqual(namesOf(segments));
          expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads each source once for all partitions of the ledger', async () => {
    const { process, ledger } = await buildPartition(pagesOf(4));
    process.objects.forget();
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 4, segments: 2 });
    const reads = process.objects.calls.filter((call) => call.startsWith('getRange'));
    expect(new Set(reads.map((call) => call.split(' ')[1])).size).toBe(8);
    expect(reads).toHaveLength(8);
  });

  it('rolls to another segment at the size that the topic says', async () => {
    const { stores, process, ledger } = await buildPartition(pagesOf(5, 300_000));
    const topic = await process.broker.topics.get('t');
    topic.config['segment.bytes'] = 1_300_000;
    const before = await readBatchesOf(stores, 0);
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', segments: 4 });
    expect((await segmentsOf(stores, ledger, 0)).map(({ base, end }) => [base, end])).toEqual([
      [0, 4],
      [4, 8],
      [8, 10],
    ]);
    expect(await readBatchesOf(stores, 0)).toEqual(before);
  });

  it('puts the commits of a bundle where the bundle is', async () => {
    const stores = makeStores();
    const { a } = await makeTopics({ stores, partitions: 2, ledgerPartitions: 2 });
    const process = makeBroker({ stores });
    const { ledger } = ledgerOf(a, 0);
    await transact(process.broker, { records: [to('a', 0, 'before')] });
    const { epoch } = await initializeTransactions(process.broker, { transactionalId: 'id' });
    const caller = { epoch, number: 0 };
    for (let part = 0; part < transactionLimits.commitsPerAppendMax + 3; part++) {
      const records = [to('a', 0, `${part}`), to('a', part % 2, `${part} again`)];
      await finished(process, addToTransaction(process.broker, { transactionalId: 'id', caller, part, records }));
    }
    await finished(process, commitTransaction(process.broker, { transactionalId: 'id', caller }));
    await process.broker.sealer.seal(ledger);
    expect((await process.broker.pages.get(ledger, 0)).commits.some(isBundle)).toBe(true);
    const before = [await readBatchesOf(stores, 0, { topic: 'a' }), await readBatchesOf(stores, 1, { topic: 'a' })];
    const merged = await mergePages(process.broker, { topic: a, ledger, policy: AT_ONCE });
    expect(merged).toMatchObject({ outcome: 'merged', pages: 1, segments: 2 });
    const after = [await readBatchesOf(stores, 0, { topic: 'a' }), await readBatchesOf(stores, 1, { topic: 'a' })];
    expect(after).toEqual(before);
    expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
  });

  it('takes no more pages at once than whose bundles have the bound of commits, but one', async () => {
    const stores = makeStores();
    const { a } = await makeTopics({ stores, partitions: 1 });
    const process = makeBroker({ stores });
    const { ledger } = ledgerOf(a, 0);
    const partsEach = transactionLimits.commitsPerAppendMax + 1;
    const { epoch } = await initializeTransactions(process.broker, { transactionalId: 'id' });
    for (let number = 0; number < 3; number++) {
      const caller = { epoch, number };
      for (let part = 0; part < partsEach; part++) {
        const records = [to('a', 0, `${number} ${part}`)];
        await finished(process, addToTransaction(process.broker, { transactionalId: 'id', caller, part, records }));
      }
      await finished(process, commitTransaction(process.broker, { transactionalId: 'id', caller }));
      await process.broker.sealer.seal(ledger);
    }
    const before = await readBatchesOf(stores, 0, { topic: 'a' });
    const step = (commits: number) =>
      mergePages(process.broker, { topic: a, ledger, policy: { ...AT_ONCE, stepBundledCommitsMax: commits } });
    expect(await step(1)).toMatchObject({ outcome: 'merged', pages: 1, left: { pages: 2 } });
    expect(await step(2 * partsEach)).toMatchObject({ outcome: 'merged', pages: 2, left: { pages: 0 } });
    expect(await readBatchesOf(stores, 0, { topic: 'a' })).toEqual(before);
  });

  it('does nothing where nothing is due, and reads no objects for it', async () => {
    const { process, ledger } = await buildPartition(pagesOf(3));
    process.objects.forget();
    const { outcome, left } = await mergeOnce(process, ledger, {
      policy: { ...AT_ONCE, bytesMin: 1_000_000, pagesMin: 4, ageMsMin: 1 },
    });
    expect({ outcome, pages: left.pages }).toEqual({ outcome: 'none', pages: 3 });
    expect(process.objects.calls).toEqual([]);
  });

  it('seals a tail that is old, so that what is written no more is merged as well', async () => {
    const { stores, process, ledger } = await buildPartition([{ action: 'elsewhere' }]);
    const policy = { ...AT_ONCE, ageMsMin: 60_000 };
    expect(await mergeOnce(process, ledger, { policy })).toMatchObject({ outcome: 'none' });
    await process.clock.advance(60_000);
    expect(await mergeOnce(process, ledger, { policy })).toMatchObject({ outcome: 'merged', pages: 1, segments: 1 });
    expect(await segmentsOf(stores, ledger, 1)).toMatchObject([{ base: 0, end: 1 }]);
  });

  it('leaves out what is below the log start, also where it is gone', async () => {
    const { stores, process, ledger } = await buildPartition(pagesOf(4));
    await deleteRecords(process.broker, {
      topic: 't',
      partitions: [
        { partition: 0, before: { at: 'offset', offset: 5 } },
        { partition: 1, before: { at: 'high-watermark' } },
      ],
    });
    const [oldest] = (await process.broker.pages.get(ledger, 0)).commits;
    const before = await readBatchesOf(stores, 0, { from: 5 });
    await stores.objects.delete([objectName('segments', (oldest as Commit).object)]);
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 4, segments: 1 });
    expect(await segmentsOf(stores, ledger, 0)).toMatchObject([{ base: 0, end: 8, records: 4 }]);
    expect(await readBatchesOf(stores, 0, { from: 5 })).toEqual(before);
    const { findings } = await checkEverything(stores, { deep: true });
    expect(findings.filter(({ severity }) => severity === 'damage')).toEqual([]);
  });

  it('ends between two pages when it is told to, and keeps what it has', async () => {
    const count = mergingLimits.mergeReadsInFlightMax + 8;
    const { stores, process, ledger } = await buildPartition(pagesOf(count));
    const before = await readBatchesOf(stores, 0);
    const stop = new AbortController();
    let reads = 0;
    process.objects.onGetRange = (proceed) => {
      if (++reads === mergingLimits.mergeReadsInFlightMax + 1) stop.abort(); // the reads are ahead of what is written
      return proceed();
    };
    const { outcome, pages } = await mergeOnce(process, ledger, { signal: stop.signal });
    expect(outcome).toBe('merged');
    expect(pages).toBeLessThan(count);
    expect((await headOf(stores.metadata, ledger)).merged).toBe(pages);
    expect(await mergeOnce(process, ledger, { signal: stop.signal })).toMatchObject({ outcome: 'none' });
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: count - pages });
    expect(await readBatchesOf(stores, 0)).toEqual(before);
  });
});

describe('merging pages over a slow link', () => {
  async function slow(pages: number, msPerPage: number) {
    const partition = await buildPartition(pagesOf(pages, mergingLimits.segmentGatherBytes));
    writeSlowly(partition.process, msPerPage);
    return partition;
  }

  it('ends with the page at which the time for a step is over, and the next step goes on', async () => {
    const { stores, process, ledger } = await slow(6, mergingLimits.mergeStepMsMax / 2);
    const before = await readBatchesOf(stores, 0);
    const birthMs = process.clock.now();
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 2, left: { pages: 4 } });
    expect(process.clock.now() - birthMs).toBeLessThan(mergingLimits.lifecycleLeaseMs);
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 2, left: { pages: 2 } });
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 2, left: { pages: 0 } });
    expect(await readBatchesOf(stores, 0)).toEqual(before);
  });

  it('merges a page at least, however long that takes', async () => {
    const { process, ledger } = await slow(2, 3 * mergingLimits.mergeStepMsMax);
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 1, left: { pages: 1 } });
  });
});

describe('merging pages of which something cannot be read', () => {
  it('merges those before, says which records it is, and goes no further', async () => {
    const { stores, process, ledger } = await buildPartition(pagesOf(4));
    const page = await process.broker.pages.get(ledger, 2);
    const [object] = page.commits;
    const name = objectName('segments', (object as Commit).object);
    const kept = (await stores.objects.getRange(name)) as Uint8Array;
    await stores.objects.delete([name]);
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 2 });
    expect(process.logged.map(({ facts }) => facts)).toMatchObject([
      { topic: 't', partition: 0, fromOffset: 4, toOffset: 5, object: name, reason: 'The object is not there' },
    ]);
    for (const bytes of [kept.subarray(0, 70), kept.map((byte, n) => (n === 80 ? byte ^ 1 : byte))]) {
      await stores.objects.put(name, [bytes]);
      expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'blocked', pages: 0 });
      await stores.objects.delete([name]);
    }
    expect(process.logged.map(({ facts }) => facts['reason'])).toEqual([
      'The object is not there',
      `The object is cut: 70 of ${object?.runs[0]?.bytes} bytes are there`,
      'The bytes do not match their checksum',
    ]);
    const segments = [...(await segmentsOf(stores, ledger, 0)), ...(await segmentsOf(stores, ledger, 1))];
    expect(await mergedObjects(stores)).toEqual(namesOf(segments));
    await stores.objects.put(name, [kept]);
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 2 });
  });

  it('takes nothing for lost that others have merged and deleted while it was frozen', async () => {
    const { stores, process, ledger } = await buildPartition(pagesOf(4));
    process.objects.onGetRange = async (proceed) => {
      process.objects.onGetRange = undefined;
      await mergeOnce(makeBroker({ stores }), ledger);
      await stores.objects.delete((await stores.objects.list('segments/')).objects.map(({ name }) => name));
      return proceed();
    };
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'refused', pages: 0 });
    expect(process.logged).toEqual([]);
    expect(await readBatchesOf(stores, 0)).toHaveLength(4);
  });
});

describe('merging pages, twice or half', () => {
  it('comes to the same wherever it is cut off', async () => {
    const list = pagesOf(3);
    const counting = await buildPartition(list);
    const before = await readBatchesOf(counting.stores, 0);
    const counted = makeBroker({ stores: counting.stores });
    await mergeOnce(counted, counting.ledger);
    const steps = counted.metadata.calls.length + counted.objects.calls.length;
    expect(steps).toBeGreaterThan(10);
    for (let step = 1; step <= steps; step++) {
      for (const applied of [false, true]) {
        const { stores, ledger } = await buildPartition(list);
        const killed = makeBroker({ stores });
        await expect(mergeOnce(cutOff(killed, step, applied), ledger)).rejects.toThrow('cut off');
        const again = makeBroker({ stores });
        await mergeOnce(again, ledger);
        expect((await headOf(stores.metadata, ledger)).merged).toBe(3);
        expect(await readBatchesOf(stores, 0)).toEqual(before);
        expect((await segmentsOf(stores, ledger, 0)).map(({ base, end, records }) => [base, end, records])).toEqual([
          [0, 6, 6],
        ]);
        expect((await segmentsOf(stores, ledger, 1)).map(({ base, end, records }) => [base, end, records])).toEqual([
          [0, 3, 3],
        ]);
      }
    }
  });

  it('is done by one of two at once, and the other leaves nothing behind', async () => {
    const { stores, ledger } = await buildPartition(pagesOf(3));
    const before = await readBatchesOf(stores, 0);
    const processes = [makeBroker({ stores }), makeBroker({ stores })];
    const outcomes = await Promise.all(processes.map(async (process) => (await mergeOnce(process, ledger)).outcome));
    expect(outcomes.sort()).toEqual(['merged', 'refused']);
    const segments = [...(await segmentsOf(stores, ledger, 0)), ...(await segmentsOf(stores, ledger, 1))];
    expect(segments).toHaveLength(2);
    expect(await mergedObjects(stores)).toEqual(namesOf(segments));
    expect(await readBatchesOf(stores, 0)).toEqual(before);
    expect(decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong')).version).toBe(1);
  });

  it('finds out what became of a transaction whose answer was lost', async () => {
    for (const applied of [true, false]) {
      const { stores, process, ledger } = await buildPartition(pagesOf(2));
      let writes = 0;
      process.metadata.onWrite = async (proceed, items) => {
        if (items.length === 1 || ++writes > 1) return proceed();
        if (applied) await proceed();
        throw lost();
      };
      expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged', pages: 2 });
      expect(await mergedObjects(stores)).toHaveLength(2);
    }
  });

  it('leaves to the sweeper what may be committed yet', async () => {
    const { stores, process, ledger } = await buildPartition(pagesOf(2));
    process.metadata.onWrite = (proceed, items) => (items.length === 1 ? proceed() : Promise.reject(lost()));
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'unknown', pages: 0 });
    expect(await mergedObjects(stores)).toHaveLength(2);
  });

  it('deletes what it has stored where storage refuses the rest', async () => {
    const { stores, process, ledger } = await buildPartition(pagesOf(2));
    process.metadata.onWrite = (proceed, items) => (items.length === 1 ? proceed() : Promise.reject(throttled()));
    await expect(mergeOnce(process, ledger)).rejects.toThrow('throttled');
    expect(await mergedObjects(stores)).toEqual([]);
    process.metadata.onWrite = undefined;
    let puts = 0;
    process.objects.onPut = (proceed) => (++puts === 2 ? Promise.reject(throttled()) : proceed());
    await expect(mergeOnce(process, ledger)).rejects.toThrow('throttled');
    expect(await mergedObjects(stores)).toEqual([]);
  });

  it('begins objects after what the ledger is closed to', async () => {
    const { stores, process, ledger } = await buildPartition(pagesOf(1));
    const swept = process.clock.now() + 10_000;
    await stores.metadata.write([{ kind: 'put', key: lifecycleKey(ledger), attributes: { w: swept } }]);
    expect(await mergeOnce(process, ledger)).toMatchObject({ outcome: 'merged' });
    expect((await segmentsOf(stores, ledger, 0))[0]?.object.birthMs).toBe(swept + 1);
  });
});

describe('merging pages of a replicated ledger', () => {
  it('gives every replica every segment', async () => {
    const world = await readingWorld();
    for (const values of [['a'], ['b', 'c']]) await world.append({ values });
    for (const values of [['d'], ['e']]) await world.append({ values, slot: 1 });
    await world.broker.heads.strong(world.ledger);
    await world.broker.sealer.seal(world.ledger);
    expect(await mergeOnce(world, world.ledger)).toMatchObject({ outcome: 'merged', pages: 1, segments: 2 });
    const [segment] = await segmentsOf(world.stores, world.ledger, 0);
    expect(segment).toMatchObject({ base: 0, end: 3, holders: ALL });
    for (const replica of world.replicas) expect(await mergedObjects({ objects: replica as never })).toHaveLength(2);
  });

  it('waits until all of them are in sync, and can be written to', async () => {
    const world = await readingWorld();
    await world.append({ values: ['a'] });
    await world.broker.heads.strong(world.ledger);
    await world.broker.sealer.seal(world.ledger);
    const [replica] = world.replicas;
    if (replica !== undefined) replica.fault = 'read-only';
    await expect(mergeOnce(world, world.ledger)).rejects.toThrow('cannot be reached');
    await world.shrinkTo(0b110);
    expect(await mergeOnce(world, world.ledger)).toMatchObject({ outcome: 'not-in-sync', left: { pages: 1 } });
  });
});
